/*
 * pam_login: a program that only authenticates a user with PAM.
 *
 * It behaves like every program with its own conversation. With --answer-fd, it answers each prompt with
 * the next line and prints everything it is shown; without, it uses the terminal like a login program. It
 * reads stacks from any folder (--confdir), so it needs no access to /etc/pam.d.
 *
 *   cc -o pam_login pam_login.c -lpam -lpam_misc -lpthread
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <security/pam_appl.h>
#include <security/pam_misc.h>

static const char usage[] =
    "usage: pam_login --confdir DIR --service S --user U [options]\n"
    "  --rhost R --ruser R --tty T   items for the modules\n"
    "  --pam-env NAME=VALUE          set in PAM's environment, as sshd does\n"
    "  --answer-fd N                 one answer a line, for one prompt each\n"
    "  --when-asked                  read each answer when it is asked for, not all before\n"
    "  --empty-as-null               an empty line is a missing answer, as ocserv has it\n"
    "  --leave-answers               when answers run out, fail but leave allocated ones behind\n"
    "  --account                     after a pass, check the account too\n"
    "  --count N                     N logins in this process, up to the first that fails\n"
    "  --keep-going                  do not stop there\n"
    "  --time                        print the nanoseconds of each login\n"
    "  --descriptors                 print how many are open before and after\n"
    "  --stack-kib N                 log in on a thread with so small a stack; print how much it took\n";

struct settings {
    const char *confdir, *service, *user, *rhost, *ruser, *tty, *pam_env;
    bool scripted, when_asked, empty_as_null, leave_answers, account, keep_going, time, descriptors;
    long count, stack_kib;
    int answer_fd;
};

static struct settings settings = {.count = 1};

/* All answers, and the remaining lines. */
static char *answers_block;
static const char *answers, *answers_end;

static int run(void);
static int run_on_small_stack(size_t size);
static int scripted(int, const struct pam_message **, struct pam_response **, void *);
static void read_answers(int fd);
static void read_answer(int fd);
static const char *code_name(int code);
static int open_descriptors(void);

static void die(const char *what)
{
    fprintf(stderr, "pam_login: %s: %s\n", what, strerror(errno));
    exit(2);
}

static long number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < 0) {
        fprintf(stderr, "pam_login: %s is not a number\n", text);
        exit(2);
    }
    return value;
}

enum option_id {
    CONFDIR = 1, SERVICE, USER, RHOST, RUSER, TTY, PAM_ENV, ANSWER_FD, WHEN_ASKED, EMPTY_AS_NULL, LEAVE_ANSWERS,
    ACCOUNT, COUNT, KEEP_GOING, TIME, DESCRIPTORS, STACK_KIB
};

static const struct option options[] = {
    {"confdir", required_argument, NULL, CONFDIR},
    {"service", required_argument, NULL, SERVICE},
    {"user", required_argument, NULL, USER},
    {"rhost", required_argument, NULL, RHOST},
    {"ruser", required_argument, NULL, RUSER},
    {"tty", required_argument, NULL, TTY},
    {"pam-env", required_argument, NULL, PAM_ENV},
    {"answer-fd", required_argument, NULL, ANSWER_FD},
    {"when-asked", no_argument, NULL, WHEN_ASKED},
    {"empty-as-null", no_argument, NULL, EMPTY_AS_NULL},
    {"leave-answers", no_argument, NULL, LEAVE_ANSWERS},
    {"account", no_argument, NULL, ACCOUNT},
    {"count", required_argument, NULL, COUNT},
    {"keep-going", no_argument, NULL, KEEP_GOING},
    {"time", no_argument, NULL, TIME},
    {"descriptors", no_argument, NULL, DESCRIPTORS},
    {"stack-kib", required_argument, NULL, STACK_KIB},
    {NULL, 0, NULL, 0},
};

static void take_option(int option)
{
    switch (option) {
    case CONFDIR: settings.confdir = optarg; break;
    case SERVICE: settings.service = optarg; break;
    case USER: settings.user = optarg; break;
    case RHOST: settings.rhost = optarg; break;
    case RUSER: settings.ruser = optarg; break;
    case TTY: settings.tty = optarg; break;
    case PAM_ENV: settings.pam_env = optarg; break;
    case ANSWER_FD: settings.scripted = true; settings.answer_fd = (int)number(optarg); break;
    case WHEN_ASKED: settings.when_asked = true; break;
    case EMPTY_AS_NULL: settings.empty_as_null = true; break;
    case LEAVE_ANSWERS: settings.leave_answers = true; break;
    case ACCOUNT: settings.account = true; break;
    case COUNT: settings.count = number(optarg); break;
    case KEEP_GOING: settings.keep_going = true; break;
    case TIME: settings.time = true; break;
    case DESCRIPTORS: settings.descriptors = true; break;
    case STACK_KIB: settings.stack_kib = number(optarg); break;
    default: fputs(usage, stderr); exit(2);
    }
}

int main(int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        take_option(option);
    if (!settings.confdir || !settings.service || !settings.user || optind != argc) {
        fputs(usage, stderr);
        return 2;
    }
    if (settings.when_asked)
        setvbuf(stdout, NULL, _IOLBF, 0);
    else if (settings.scripted)
        read_answers(settings.answer_fd);
    int status =
        settings.stack_kib ? run_on_small_stack((size_t)settings.stack_kib * 1024) : run();
    free(answers_block);
    return status;
}

/* ---- logins ---- */

static int authenticate(pam_handle_t *pamh)
{
    const struct { int item; const char *value; } items[] = {
        {PAM_RHOST, settings.rhost}, {PAM_RUSER, settings.ruser}, {PAM_TTY, settings.tty},
    };
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        int code = items[i].value ? pam_set_item(pamh, items[i].item, items[i].value) : PAM_SUCCESS;
        if (code != PAM_SUCCESS)
            return code;
    }
    int code = settings.pam_env ? pam_putenv(pamh, settings.pam_env) : PAM_SUCCESS;
    if (code == PAM_SUCCESS)
        code = pam_authenticate(pamh, 0);
    if (code == PAM_SUCCESS && settings.account)
        code = pam_acct_mgmt(pamh, 0);
    return code;
}

static int login(void)
{
    const struct pam_conv conv = {settings.scripted ? scripted : misc_conv, NULL};
    pam_handle_t *pamh = NULL;
    int code =
        pam_start_confdir(settings.service, settings.user, &conv, settings.confdir, &pamh);
    if (code != PAM_SUCCESS)
        return code;
    code = authenticate(pamh);
    pam_end(pamh, code);
    return code;
}

static int64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* The text of a login program on a terminal. */
static void report(int code)
{
    if (settings.scripted || settings.count > 1)
        printf("result: %s\n", code_name(code));
    else if (code != PAM_SUCCESS)
        puts("Login incorrect");
}

static int run(void)
{
    int status = 0, before = open_descriptors();
    for (long i = 0; i < settings.count; i++) {
        int64_t start = nanoseconds();
        int code = login();
        int64_t took = nanoseconds() - start;
        if (settings.time)
            printf("time: %lld\n", (long long)took);
        report(code);
        if (code == PAM_SUCCESS)
            continue;
        status = 1;
        if (!settings.keep_going)
            break;
    }
    if (settings.descriptors)
        printf("descriptors: %d before, %d after\n", before, open_descriptors());
    return status;
}

/* ---- a thread with a small stack, and how much of it was touched ---- */

static const unsigned char untouched = 0xA5;

static void *run_in_thread(void *status)
{
    *(int *)status = run();
    return NULL;
}

static int run_on_small_stack(size_t size)
{
    int status = 2;
    pthread_t thread;
    pthread_attr_t attributes;
    /* An inaccessible page lies below: code that needs more stack crashes, as it would in ocserv. */
    size_t guard = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *block =
        mmap(NULL, guard + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (block == MAP_FAILED || mprotect(block + guard, size, PROT_READ | PROT_WRITE) != 0)
        die("stack");
    unsigned char *stack = block + guard;
    memset(stack, untouched, size);
    pthread_attr_init(&attributes);
    errno = pthread_attr_setstack(&attributes, stack, size);
    if (errno != 0)
        die("stack size");
    errno = pthread_create(&thread, &attributes, run_in_thread, &status);
    if (errno != 0)
        die("thread");
    pthread_join(thread, NULL);
    size_t left = 0;
    while (left < size && stack[left] == untouched)
        left++;
    printf("stack: %zu bytes\n", size - left);
    pthread_attr_destroy(&attributes);
    munmap(block, guard + size);
    return status;
}

/* ---- the scripted conversation ---- */

static void read_answers(int fd)
{
    size_t length = 0, capacity = 0;
    ssize_t got;
    do {
        if (capacity - length < 4096) {
            capacity += 65536;
            answers_block = realloc(answers_block, capacity);
            if (!answers_block)
                die("answers");
        }
        got = read(fd, answers_block + length, capacity - length);
        if (got < 0)
            die("answers");
        length += (size_t)got;
    } while (got > 0);
    close(fd);
    answers = answers_block;
    answers_end = answers + length;
}

/* Reads no byte beyond the line, because answers may arrive one by one. */
static void read_answer(int fd)
{
    const size_t capacity = 65536;
    size_t length = 0;
    if (!answers_block && !(answers_block = malloc(capacity)))
        die("answers");
    while (length < capacity) {
        ssize_t got = read(fd, answers_block + length, 1);
        if (got < 0)
            die("answers");
        if (got == 0)
            break;
        length++;
        if (answers_block[length - 1] == '\n')
            break;
    }
    answers = answers_block;
    answers_end = answers + length;
}

/* The next answer in newly allocated memory. False when none is left. */
static bool next_answer(char **answer)
{
    if (settings.when_asked)
        read_answer(settings.answer_fd);
    if (answers == answers_end)
        return false;
    const char *end = memchr(answers, '\n', (size_t)(answers_end - answers));
    size_t length = (size_t)((end ? end : answers_end) - answers);
    bool missing = length == 0 && settings.empty_as_null;
    *answer = missing ? NULL : strndup(answers, length);
    answers = end ? end + 1 : answers_end;
    return true;
}

static const char *style_name(int style)
{
    switch (style) {
    case PAM_PROMPT_ECHO_OFF: return "prompt-hidden";
    case PAM_PROMPT_ECHO_ON: return "prompt-visible";
    case PAM_TEXT_INFO: return "info";
    case PAM_ERROR_MSG: return "error";
    default: return "unknown";
    }
}

static int fail(int count, struct pam_response *replies, struct pam_response **responses)
{
    if (settings.leave_answers) {
        for (int i = 0; i < count; i++)
            if (!replies[i].resp)
                replies[i].resp = strdup("left behind");
        *responses = replies;
        return PAM_CONV_ERR;
    }
    for (int i = 0; i < count; i++)
        free(replies[i].resp);
    free(replies);
    return PAM_CONV_ERR;
}

static int scripted(int count, const struct pam_message **messages, struct pam_response **responses,
                    void *data)
{
    (void)data;
    if (count <= 0 || count > PAM_MAX_NUM_MSG)
        return PAM_CONV_ERR;
    struct pam_response *replies = calloc((size_t)count, sizeof *replies);
    if (!replies)
        return PAM_BUF_ERR;
    for (int i = 0; i < count; i++) {
        int style = messages[i]->msg_style;
        printf("%s: %s\n", style_name(style), messages[i]->msg);
        bool prompt = style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON;
        if (prompt && !next_answer(&replies[i].resp))
            return fail(count, replies, responses);
    }
    *responses = replies;
    return PAM_SUCCESS;
}

/* ---- small things ---- */

static int open_descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        die("/proc/self/fd");
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static const char *code_name(int code)
{
#define NAME(code) [code] = #code
    static const char *const names[] = {
        NAME(PAM_SUCCESS), NAME(PAM_OPEN_ERR), NAME(PAM_SYMBOL_ERR), NAME(PAM_SERVICE_ERR),
        NAME(PAM_SYSTEM_ERR), NAME(PAM_BUF_ERR), NAME(PAM_PERM_DENIED), NAME(PAM_AUTH_ERR),
        NAME(PAM_CRED_INSUFFICIENT), NAME(PAM_AUTHINFO_UNAVAIL), NAME(PAM_USER_UNKNOWN),
        NAME(PAM_MAXTRIES), NAME(PAM_NEW_AUTHTOK_REQD), NAME(PAM_ACCT_EXPIRED),
        NAME(PAM_SESSION_ERR), NAME(PAM_CRED_UNAVAIL), NAME(PAM_CRED_EXPIRED), NAME(PAM_CRED_ERR),
        NAME(PAM_NO_MODULE_DATA), NAME(PAM_CONV_ERR), NAME(PAM_AUTHTOK_ERR),
        NAME(PAM_AUTHTOK_RECOVERY_ERR), NAME(PAM_AUTHTOK_LOCK_BUSY),
        NAME(PAM_AUTHTOK_DISABLE_AGING), NAME(PAM_TRY_AGAIN), NAME(PAM_IGNORE), NAME(PAM_ABORT),
        NAME(PAM_AUTHTOK_EXPIRED), NAME(PAM_MODULE_UNKNOWN), NAME(PAM_BAD_ITEM),
        NAME(PAM_CONV_AGAIN), NAME(PAM_INCOMPLETE),
    };
#undef NAME
    bool known = code >= 0 && (size_t)code < sizeof names / sizeof *names && names[code];
    return known ? names[code] : "unknown code";
}
