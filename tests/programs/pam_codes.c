/*
 * pam_codes: libpam's result for a stack and many combinations of module codes, in one process.
 *
 *   pam_codes DIR SERVICE
 *
 * Each line of its input is one login: the codes that the modules return (see pam_code.c). For each it
 * prints pam_authenticate's return code, and which modules were called.
 *
 *   cc -o pam_codes pam_codes.c -lpam
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <security/pam_appl.h>

static int nothing(int count, const struct pam_message **messages, struct pam_response **responses,
                   void *data)
{
    (void)count;
    (void)messages;
    (void)responses;
    (void)data;
    return PAM_CONV_ERR;
}

static const struct pam_conv conversation = {nothing, NULL};

static pam_handle_t *start(char **argv)
{
    pam_handle_t *pamh = NULL;
    if (pam_start_confdir(argv[2], "nobody", &conversation, argv[1], &pamh) != PAM_SUCCESS) {
        /* libpam rejected the service. */
        return NULL;
    }
    return pamh;
}

int main(int argc, char **argv)
{
    /* In place, because memory that setenv copies is never freed. */
    static char codes[512] = "PAM_CODES=", called[512] = "PAM_CALLED=";
    char *line = codes + strlen(codes), *marks = called + strlen(called);
    if (argc != 3) {
        fputs("usage: pam_codes DIR SERVICE\n", stderr);
        return 2;
    }
    if (putenv(codes) != 0 || putenv(called) != 0)
        return 2;
    pam_handle_t *pamh = start(argv);
    while (fgets(line, 256, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        memset(marks, '.', strlen(line));
        marks[strlen(line)] = '\0';
        int code = pamh ? pam_authenticate(pamh, 0) : PAM_ABORT;
        printf("%d %s\n", code, marks);
        if (code == PAM_INCOMPLETE) {
            /* The next call would continue where this one stopped. */
            pam_end(pamh, code);
            pamh = start(argv);
        }
    }
    if (pamh)
        pam_end(pamh, PAM_SUCCESS);
    return 0;
}
