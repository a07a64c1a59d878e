#include "COpenSSL.h"
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// MARK: ALPN

static int select_http11(SSL *ssl, const unsigned char **out, unsigned char *length, const unsigned char *in,
                         unsigned int in_length, void *argument) {
    static const unsigned char ours[] = "\x08http/1.1";
    (void)ssl;
    (void)argument;
    if (SSL_select_next_proto((unsigned char **)out, length, ours, sizeof ours - 1, in, in_length) ==
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_OK;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void copenssl_select_http11(SSL_CTX *context) { SSL_CTX_set_alpn_select_cb(context, select_http11, NULL); }

// MARK: MAC

int copenssl_hmac_sha256(EVP_MAC_CTX *context, const unsigned char *key, size_t count) {
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
    return EVP_MAC_init(context, key, count, parameters);
}

// MARK: PEM from memory

/// A key that needs a passphrase is an error, not a question on the terminal.
static int no_passphrase(char *buffer, int size, int is_writing, void *argument) {
    (void)buffer;
    (void)size;
    (void)is_writing;
    (void)argument;
    return -1;
}

/// After the last certificate the reader finds no further start line; that alone is the end, all else an error.
static int is_end_of_pem(void) {
    unsigned long error = ERR_peek_last_error();
    if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE) return 0;
    ERR_clear_error();
    return 1;
}

int copenssl_use_chain(SSL_CTX *context, const void *bytes, int count) {
    BIO *bio = BIO_new_mem_buf(bytes, count);
    if (bio == NULL) return 0;
    int result = 0;
    X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, no_passphrase, NULL);
    if (certificate != NULL && SSL_CTX_use_certificate(context, certificate) == 1) {
        X509 *next;
        result = 1;
        while (result == 1 && (next = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL)
            if (SSL_CTX_add0_chain_cert(context, next) != 1) {
                X509_free(next);
                result = 0;
            }
        if (result == 1) result = is_end_of_pem();
    }
    X509_free(certificate);
    BIO_free(bio);
    return result;
}

int copenssl_use_key(SSL_CTX *context, const void *bytes, int count) {
    BIO *bio = BIO_new_mem_buf(bytes, count);
    if (bio == NULL) return 0;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    int result = key != NULL && SSL_CTX_use_PrivateKey(context, key) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    return result;
}

int copenssl_trust_clients(SSL_CTX *context, const void *bytes, int count) {
    BIO *bio = BIO_new_mem_buf(bytes, count);
    if (bio == NULL) return 0;
    int found = 0;
    X509 *authority;
    while ((authority = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL) {
        int added = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority) == 1 &&
                    SSL_CTX_add_client_CA(context, authority) == 1;
        X509_free(authority);
        if (!added) {
            BIO_free(bio);
            return 0;
        }
        found += 1;
    }
    BIO_free(bio);
    return found > 0 && is_end_of_pem();
}

static long long seconds_of(const ASN1_TIME *time) {
    struct tm parts;
    return ASN1_TIME_to_tm(time, &parts) == 1 ? (long long)timegm(&parts) : 0;
}

void copenssl_validity(SSL_CTX *context, long long *begins, long long *ends) {
    X509 *certificate = SSL_CTX_get0_certificate(context);
    *begins = certificate ? seconds_of(X509_get0_notBefore(certificate)) : 0;
    *ends = certificate ? seconds_of(X509_get0_notAfter(certificate)) : 0;
}

// MARK: A BIO over a loop's own buffers

static int pipe_read(BIO *bio, char *bytes, size_t room, size_t *count) {
    copenssl_pipe *pipe = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (pipe->input_left == 0) {
        BIO_set_retry_read(bio);
        *count = 0;
        return 0;
    }
    *count = room < pipe->input_left ? room : pipe->input_left;
    memcpy(bytes, pipe->input, *count);
    pipe->input += *count;
    pipe->input_left -= *count;
    return 1;
}

static int pipe_write(BIO *bio, const char *bytes, size_t length, size_t *count) {
    copenssl_pipe *pipe = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (pipe->output_capacity - pipe->output_count < length) {
        size_t capacity = 2 * pipe->output_capacity + length + 4096;
        unsigned char *output = realloc(pipe->output, capacity);
        if (output == NULL) return 0;
        pipe->output = output;
        pipe->output_capacity = capacity;
    }
    memcpy(pipe->output + pipe->output_count, bytes, length);
    pipe->output_count += length;
    *count = length;
    return 1;
}

static long pipe_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *pipe_method;
static CRYPTO_ONCE pipe_once = CRYPTO_ONCE_STATIC_INIT;

static void make_pipe_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "loop");
    if (method == NULL) return;
    if (BIO_meth_set_read_ex(method, pipe_read) == 1 && BIO_meth_set_write_ex(method, pipe_write) == 1 &&
        BIO_meth_set_ctrl(method, pipe_control) == 1)
        pipe_method = method;
    else
        BIO_meth_free(method);
}

BIO *copenssl_pipe_bio(copenssl_pipe *pipe) {
    if (CRYPTO_THREAD_run_once(&pipe_once, make_pipe_method) != 1 || pipe_method == NULL) return NULL;
    BIO *bio = BIO_new(pipe_method);
    if (bio == NULL) return NULL;
    BIO_set_data(bio, pipe);
    BIO_set_init(bio, 1);
    return bio;
}
