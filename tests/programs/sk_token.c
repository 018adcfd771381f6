/*
 * sk_token: a security key in software, as a provider for OpenSSH (SSH_SK_PROVIDER, sk-api version 10).
 *
 * OpenSSH's own sk-dummy always says the same counter, which looks like a clone of a key. This one counts, in the folder
 * that the variable SK_TOKEN names:
 *
 *   counter   the counter of the last signature; missing: 0
 *   no-touch  if it exists, no touch is reported, whatever was asked for
 *   no-pin    if it exists, no PIN is reported, whatever was asked for
 *   refuses   if it exists, it does not sign, like a key that nobody touches
 *   still     if it exists, the counter does not move
 *   signed    one byte more for each signature
 *
 *   cc -shared -fPIC -o sk_token.so sk_token.c -lcrypto
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

/* OpenSSH's interface to providers. */
enum { VERSION = 0x000a0000, GENERAL = -1, UNSUPPORTED = -2, ECDSA = 0, ED25519 = 1, TOUCHED = 1, VERIFIED = 4 };

struct sk_option {
    char *name, *value;
    uint8_t required;
};

struct sk_enroll_response {
    uint8_t flags;
    uint8_t *public_key;
    size_t public_key_len;
    uint8_t *key_handle;
    size_t key_handle_len;
    uint8_t *signature;
    size_t signature_len;
    uint8_t *attestation_cert;
    size_t attestation_cert_len;
    uint8_t *authdata;
    size_t authdata_len;
};

struct sk_sign_response {
    uint8_t flags;
    uint32_t counter;
    uint8_t *sig_r;
    size_t sig_r_len;
    uint8_t *sig_s;
    size_t sig_s_len;
};

struct sk_resident_key;

/* ---- the state of the token ---- */

static int open_state(const char *name, int flags)
{
    const char *folder = getenv("SK_TOKEN");
    char path[4096];
    if (!folder || snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return -1;
    return open(path, flags | O_CLOEXEC, 0600);
}

static bool is_told(const char *name)
{
    int fd = open_state(name, O_RDONLY);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* The next counter, durable before it is used, for one process at a time. */
static bool count(uint32_t *counter)
{
    char text[32] = "";
    int fd = open_state("counter", O_RDWR | O_CREAT);
    if (fd < 0 || flock(fd, LOCK_EX) != 0)
        return false;
    if (read(fd, text, sizeof text - 1) < 0)
        text[0] = '\0';
    *counter = (uint32_t)strtoul(text, NULL, 10);
    if (!is_told("still")) {
        ++*counter;
        int length = snprintf(text, sizeof text, "%lu\n", (unsigned long)*counter);
        if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)length, 0) != length)
            *counter = 0;
    }
    close(fd);
    fd = open_state("signed", O_WRONLY | O_CREAT | O_APPEND);
    bool noted = fd >= 0 && write(fd, ".", 1) == 1;
    if (fd >= 0)
        close(fd);
    return noted;
}

/* ---- keys; the handle is the private key ---- */

static bool pack_ed25519(EVP_PKEY *key, struct sk_enroll_response *response)
{
    response->public_key_len = response->key_handle_len = 32;
    response->public_key = calloc(1, 32);
    response->key_handle = calloc(1, 32);
    return response->public_key && response->key_handle &&
           EVP_PKEY_get_raw_public_key(key, response->public_key, &response->public_key_len) == 1 &&
           EVP_PKEY_get_raw_private_key(key, response->key_handle, &response->key_handle_len) == 1;
}

static bool pack_ecdsa(EVP_PKEY *key, struct sk_enroll_response *response)
{
    response->public_key_len = EVP_PKEY_get1_encoded_public_key(key, &response->public_key);
    int length = i2d_PrivateKey(key, &response->key_handle);
    response->key_handle_len = length > 0 ? (size_t)length : 0;
    return response->public_key_len > 0 && length > 0;
}

static EVP_PKEY *read_key(uint32_t alg, const uint8_t *handle, size_t length)
{
    if (alg == ED25519)
        return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, handle, length);
    return d2i_PrivateKey(EVP_PKEY_EC, NULL, &handle, (long)length);
}

/* Turns r and s out of ASN.1 into numbers. */
static bool split(const uint8_t *der, size_t length, struct sk_sign_response *response)
{
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)length);
    if (!signature)
        return false;
    const BIGNUM *r = ECDSA_SIG_get0_r(signature), *s = ECDSA_SIG_get0_s(signature);
    response->sig_r_len = (size_t)BN_num_bytes(r);
    response->sig_s_len = (size_t)BN_num_bytes(s);
    response->sig_r = calloc(1, response->sig_r_len);
    response->sig_s = calloc(1, response->sig_s_len);
    bool done = response->sig_r && response->sig_s;
    if (done) {
        BN_bn2bin(r, response->sig_r);
        BN_bn2bin(s, response->sig_s);
    }
    ECDSA_SIG_free(signature);
    return done;
}

/* What a FIDO key signs: the application, what it saw, its counter, and what it was asked to sign. */
static bool sign(uint32_t alg, EVP_PKEY *key, const char *application, const uint8_t *data, size_t length,
                 struct sk_sign_response *response)
{
    uint8_t text[2 * SHA256_DIGEST_LENGTH + 5], signature[256];
    size_t size = sizeof signature;
    SHA256((const uint8_t *)application, strlen(application), text);
    text[32] = response->flags;
    for (int i = 0; i < 4; i++)
        text[33 + i] = (uint8_t)(response->counter >> (24 - 8 * i));
    SHA256(data, length, text + 37);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const EVP_MD *hash = alg == ED25519 ? NULL : EVP_sha256();
    bool done = context && EVP_DigestSignInit(context, NULL, hash, NULL, key) == 1 &&
                EVP_DigestSign(context, signature, &size, text, sizeof text) == 1;
    EVP_MD_CTX_free(context);
    if (!done)
        return false;
    if (alg == ECDSA)
        return split(signature, size, response);
    response->sig_r_len = size;
    response->sig_r = malloc(size);
    return response->sig_r && memcpy(response->sig_r, signature, size);
}

/* ---- what OpenSSH calls ---- */

uint32_t sk_api_version(void)
{
    return VERSION;
}

int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application, uint8_t flags,
              const char *pin, struct sk_option **options, struct sk_enroll_response **enrolled)
{
    (void)challenge, (void)challenge_len, (void)application, (void)pin, (void)options;
    EVP_PKEY *key = alg == ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : EVP_EC_gen("P-256");
    struct sk_enroll_response *response = calloc(1, sizeof *response);
    if (!key || !response)
        return GENERAL;
    response->flags = flags;
    /* No attestation, but OpenSSH wants a place for it. */
    response->signature = calloc(1, 1);
    bool done = alg == ED25519 ? pack_ed25519(key, response) : pack_ecdsa(key, response);
    EVP_PKEY_free(key);
    *enrolled = response;
    return done && response->signature ? 0 : GENERAL;
}

int sk_sign(uint32_t alg, const uint8_t *data, size_t length, const char *application, const uint8_t *handle,
            size_t handle_len, uint8_t flags, const char *pin, struct sk_option **options,
            struct sk_sign_response **signed_response)
{
    (void)pin, (void)options;
    struct sk_sign_response *response = calloc(1, sizeof *response);
    if (!response || is_told("refuses") || !count(&response->counter)) {
        free(response);
        return GENERAL;
    }
    response->flags = flags;
    if (is_told("no-touch"))
        response->flags &= (uint8_t)~TOUCHED;
    if (is_told("no-pin"))
        response->flags &= (uint8_t)~VERIFIED;
    EVP_PKEY *key = read_key(alg, handle, handle_len);
    bool done = key && sign(alg, key, application, data, length, response);
    EVP_PKEY_free(key);
    *signed_response = response;
    return done ? 0 : GENERAL;
}

int sk_load_resident_keys(const char *pin, struct sk_option **options, struct sk_resident_key ***keys, size_t *count)
{
    (void)pin, (void)options, (void)keys, (void)count;
    return UNSUPPORTED;
}
