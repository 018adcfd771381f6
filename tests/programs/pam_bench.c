/*
 * pam_bench: many concurrent logins through libpam, each with another user and code.
 *
 *   pam_bench CONFDIR SERVICE PROCESSES FILE          FILE: a line "user<TAB>answer" for each login
 *   pam_bench --fork CONFDIR SERVICE PROCESSES FILE   the same, but each login is in a process of its own
 *   pam_bench --dlopen MODULE COUNT                   the time to load a module into a process
 *
 * Prints "p50 MICROSECONDS p99 MICROSECONDS rate LOGINS_PER_SECOND refused COUNT". A login lasts
 * from pam_start to pam_end, or with --fork from fork to the end of its process. All processes wait
 * until all are ready.
 *
 *   cc -O2 -o pam_bench pam_bench.c -lpam -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <security/pam_appl.h>

struct login {
    char *user, *answer;
};

/* Shared between the processes. */
struct result {
    int64_t took;
    int code;
};

static struct login *logins;
static size_t login_count;

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
                    void *answer)
{
    struct pam_response *replies = calloc((size_t)count, sizeof *replies);
    if (!replies)
        return PAM_BUF_ERR;
    for (int i = 0; i < count; i++) {
        int style = messages[i]->msg_style;
        if (style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON)
            replies[i].resp = strdup(answer);
    }
    *responses = replies;
    return PAM_SUCCESS;
}

static struct result log_in(const char *confdir, const char *service, const struct login *login)
{
    const struct pam_conv conversation = {converse, login->answer};
    pam_handle_t *handle = NULL;
    int64_t begun = now();
    int code = pam_start_confdir(service, login->user, &conversation, confdir, &handle);
    if (code == PAM_SUCCESS) {
        code = pam_authenticate(handle, 0);
        pam_end(handle, code);
    }
    return (struct result){now() - begun, code};
}

static int ascending(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void read_logins(const char *path)
{
    char *line = NULL;
    size_t capacity = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        die(path);
    while (getline(&line, &capacity, file) > 0) {
        char *tab = strchr(line, '\t');
        if (!tab)
            continue;
        *tab = '\0';
        tab[1 + strcspn(tab + 1, "\n")] = '\0';
        logins = realloc(logins, (login_count + 1) * sizeof *logins);
        if (!logins)
            die("memory");
        logins[login_count++] = (struct login){strdup(line), strdup(tab + 1)};
    }
    free(line);
    fclose(file);
}

/* Whether this is the child of a fork; the parent waits until the child has ended. */
static int is_child(void)
{
    int status;
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child > 0 && (waitpid(child, &status, 0) != child || status != 0))
        die("a child");
    return child == 0;
}

/* Runs the logins with the numbers first, first + step, first + 2 * step … */
static void work(const char *confdir, const char *service, size_t first, size_t step, int is_forking,
                 struct result *results)
{
    for (size_t i = first; i < login_count; i += step) {
        int64_t begun = now();
        if (is_forking && !is_child()) {
            results[i].took = now() - begun;
            continue;
        }
        results[i] = log_in(confdir, service, &logins[i]);
        if (is_forking)
            _exit(0);
    }
}

/* Memory that the processes share. */
static void *shared(size_t count, size_t size)
{
    void *memory = mmap(NULL, count * size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        die("memory");
    return memory;
}

static void report(const struct result *results, int64_t took)
{
    size_t refused = 0;
    int64_t *times = malloc(login_count * sizeof *times);
    if (!times)
        die("memory");
    for (size_t i = 0; i < login_count; i++) {
        times[i] = results[i].took;
        refused += results[i].code != PAM_SUCCESS;
    }
    qsort(times, login_count, sizeof *times, ascending);
    printf("p50 %.1f p99 %.1f rate %.0f refused %zu\n", times[login_count / 2] / 1e3,
           times[login_count * 99 / 100] / 1e3, login_count * 1e9 / took, refused);
    free(times);
}

static int bench_logins(const char *confdir, const char *service, long processes, const char *path,
                        int is_forking)
{
    int gate[2], ready[2];
    char byte = 0;
    read_logins(path);
    if (login_count == 0 || processes < 1 || pipe(gate) != 0 || pipe(ready) != 0)
        die("set-up");
    struct result *results = shared(login_count, sizeof *results);
    for (long i = 0; i < processes; i++) {
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child > 0)
            continue;
        close(gate[1]);
        if (write(ready[1], &byte, 1) != 1 || read(gate[0], &byte, 1) < 0)
            _exit(2);
        work(confdir, service, (size_t)i, (size_t)processes, is_forking, results);
        _exit(0);
    }
    for (long i = 0; i < processes; i++)
        if (read(ready[0], &byte, 1) != 1)
            die("a child");
    int64_t begun = now();
    close(gate[1]);
    int status, failed = 0;
    while (wait(&status) > 0)
        failed |= status != 0;
    report(results, now() - begun);
    return failed;
}

static int bench_dlopen(const char *module, long count)
{
    int64_t *times = shared((size_t)count, sizeof *times);
    for (long i = 0; i < count; i++) {
        if (!is_child())
            continue;
        int64_t begun = now();
        if (!dlopen(module, RTLD_NOW)) {
            fprintf(stderr, "%s\n", dlerror());
            _exit(2);
        }
        times[i] = now() - begun;
        _exit(0);
    }
    qsort(times, (size_t)count, sizeof *times, ascending);
    printf("p50 %.1f p99 %.1f rate 0 refused 0\n", times[count / 2] / 1e3,
           times[count * 99 / 100] / 1e3);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--dlopen") == 0)
        return bench_dlopen(argv[2], atol(argv[3]));
    int is_forking = argc == 6 && strcmp(argv[1], "--fork") == 0;
    if (argc == 5 || is_forking)
        return bench_logins(argv[argc - 4], argv[argc - 3], atol(argv[argc - 2]), argv[argc - 1], is_forking);
    fputs("usage: pam_bench [--fork] CONFDIR SERVICE PROCESSES FILE | --dlopen MODULE COUNT\n", stderr);
    return 2;
}
