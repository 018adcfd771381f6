/*
 * pam_probe.so: a module beside pam_mfa.so in the stacks of tests.
 *
 *   auth required pam_probe.so set=TEXT    sets PAM_AUTHTOK to TEXT, like a password module
 *   auth required pam_probe.so write=FILE  writes PAM_AUTHTOK to FILE
 *
 *   cc -shared -fPIC -o pam_probe.so pam_probe.c -lpam
 */
#include <stdio.h>
#include <string.h>

#include <security/pam_modules.h>

static int write_authtok(pam_handle_t *pamh, const char *path)
{
    const void *authtok = NULL;
    if (pam_get_item(pamh, PAM_AUTHTOK, &authtok) != PAM_SUCCESS)
        return PAM_AUTHTOK_RECOVERY_ERR;
    FILE *file = fopen(path, "w");
    if (!file)
        return PAM_SYSTEM_ERR;
    fprintf(file, "%s", authtok ? (const char *)authtok : "(none)");
    return fclose(file) == 0 ? PAM_SUCCESS : PAM_SYSTEM_ERR;
}

int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)flags;
    int code = PAM_SERVICE_ERR;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "set=", 4) == 0)
            code = pam_set_item(pamh, PAM_AUTHTOK, argv[i] + 4);
        else if (strncmp(argv[i], "write=", 6) == 0)
            code = write_authtok(pamh, argv[i] + 6);
    }
    return code;
}

int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_SUCCESS;
}
