//  OpenSSL's C interface, with what Swift cannot express.
#pragma once
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/err.h>
