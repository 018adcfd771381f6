/*
 * floor: a module and an agent that exchange what ours do, and nothing else. No login can take less.
 *
 *   cc -O2 -shared -fPIC -DMODULE -Wl,-z,nodelete -o pam_floor.so floor.c -lpam    auth required pam_floor.so SOCKET
 *   cc -O2 -o floor floor.c -lpthread                                              floor SOCKET FILE
 *
 * The module sends two messages of the usual length, and asks for a code between them. The agent answers both; before the
 * second answer it writes a record into FILE and waits until it is durable. Agents at work at once share an fdatasync.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The bytes of Begin, its reply, Answer, its reply, and a record. */
enum { BEGIN = 123, PROMPT = 129, ANSWER = 116, VERDICT = 104, RECORD = 400 };

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return address;
}

#ifdef MODULE
#include <security/pam_ext.h>
#include <security/pam_modules.h>

static int exchange(int agent, size_t length)
{
    char bytes[1024] = { 0 };
    return send(agent, bytes, length, MSG_NOSIGNAL) == (ssize_t)length && recv(agent, bytes, sizeof bytes, 0) > 0;
}

int pam_sm_authenticate(pam_handle_t *pam, int flags, int argc, const char **argv)
{
    struct sockaddr_un address = address_of(argc > 0 ? argv[0] : "");
    const char *user;
    char *code = NULL;
    int result = PAM_AUTHINFO_UNAVAIL;
    int agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)flags;
    if (agent < 0)
        return result;
    if (pam_get_user(pam, &user, NULL) == PAM_SUCCESS
        && connect(agent, (struct sockaddr *)&address, sizeof address) == 0 && exchange(agent, BEGIN)
        && pam_prompt(pam, PAM_PROMPT_ECHO_OFF, &code, "Code: ") == PAM_SUCCESS && exchange(agent, ANSWER))
        result = PAM_SUCCESS;
    free(code);
    close(agent);
    return result;
}

int pam_sm_setcred(pam_handle_t *pam, int flags, int argc, const char **argv)
{
    (void)pam, (void)flags, (void)argc, (void)argv;
    return PAM_SUCCESS;
}
#else
enum { THREADS = 64, RECORDS = 1 << 18 };

static int listener, file;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t is_synced = PTHREAD_COND_INITIALIZER;
static long written, durable;
static int is_syncing;

static void commit(void)
{
    char record[RECORD] = { 0 };
    pthread_mutex_lock(&mutex);
    if (pwrite(file, record, sizeof record, written % RECORDS * RECORD) != RECORD)
        abort();
    long mine = ++written;
    while (durable < mine) {
        if (is_syncing) {
            pthread_cond_wait(&is_synced, &mutex);
            continue;
        }
        long all = written;
        is_syncing = 1;
        pthread_mutex_unlock(&mutex);
        if (fdatasync(file) != 0)
            abort();
        pthread_mutex_lock(&mutex);
        durable = all;
        is_syncing = 0;
        pthread_cond_broadcast(&is_synced);
    }
    pthread_mutex_unlock(&mutex);
}

static void *serve(void *unused)
{
    char bytes[1024] = { 0 };
    (void)unused;
    for (;;) {
        int caller = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (caller < 0)
            continue;
        if (recv(caller, bytes, sizeof bytes, 0) > 0 && send(caller, bytes, PROMPT, MSG_NOSIGNAL) == PROMPT
            && recv(caller, bytes, sizeof bytes, 0) > 0) {
            commit();
            send(caller, bytes, VERDICT, MSG_NOSIGNAL);
        }
        close(caller);
    }
    return NULL;
}

static int failed(const char *what)
{
    perror(what);
    return 2;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    if (argc != 3)
        return fprintf(stderr, "floor SOCKET FILE\n"), 2;
    struct sockaddr_un address = address_of(argv[1]);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 128) != 0)
        return failed(argv[1]);
    file = open(argv[2], O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0 || posix_fallocate(file, 0, (off_t)RECORDS * RECORD) != 0)
        return failed(argv[2]);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread, NULL, serve, NULL) != 0)
            return failed("a thread");
    pause();
    return 0;
}
#endif
