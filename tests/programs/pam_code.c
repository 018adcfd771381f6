/*
 * pam_code: a module that returns a given code, and records that it was called.
 *
 * Its argument at=N is its index in two environment variables of the program (pam_codes.c): PAM_CODES
 * has the code to return, as one digit of base 32 (0 to 9, a to v); PAM_CALLED gets an x.
 *
 *   cc -shared -fPIC -o pam_code.so pam_code.c
 */
#include <stdlib.h>
#include <string.h>

#include <security/pam_modules.h>

static int told(int argc, const char **argv)
{
    const char *codes = getenv("PAM_CODES");
    char *called = getenv("PAM_CALLED");
    size_t at = (size_t)-1;
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], "at=", 3) == 0)
            at = strtoul(argv[i] + 3, NULL, 10);
    if (!codes || !called || at >= strlen(codes) || at >= strlen(called))
        return PAM_ABORT;
    called[at] = 'x';
    char digit = codes[at];
    return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

#define PHASE(name)                                                                                \
    int name(pam_handle_t *pamh, int flags, int argc, const char **argv)                           \
    {                                                                                              \
        (void)pamh;                                                                                \
        (void)flags;                                                                               \
        return told(argc, argv);                                                                   \
    }

PHASE(pam_sm_authenticate)
PHASE(pam_sm_setcred)
PHASE(pam_sm_acct_mgmt)
PHASE(pam_sm_open_session)
PHASE(pam_sm_close_session)
PHASE(pam_sm_chauthtok)
