//  The key that encrypts webhook secrets at rest: the operator's, or one made beside the database.

import Config
import Crypto
import Glibc
import Log
import Platform

/// Why no key could be had.
struct KeyFileError: Error, CustomStringConvertible {
    var description: String
}

/// Finds or makes the key of the database.
enum KeyFile {
    /// The seal for secrets in the database.
    ///
    /// Without `database.key` it is kept in a file of mode 0600 beside the database, made on first start. One that
    /// others may read is refused rather than used.
    static func seal(for database: DatabaseConfig) throws(KeyFileError) -> Seal {
        if let secret = database.key { return Seal(passphrase: secret.revealed) }
        let path = database.path + ".key"
        do throws(SystemError) {
            if let file = try existing(path) {
                guard file.mode & 0o077 == 0 else {
                    throw SystemError(errno: EPERM, operation: "\(path): others may read it; chmod 600 it")
                }
                return try parsed(file.bytes, path)
            }
            let key = RandomBytes.make(32)
            try makeDirectory(of: path)
            try write(Array(Hex.encode(key).utf8) + [UInt8(ascii: "\n")], to: path)
            return try parsed(Array(Hex.encode(key).utf8), path)
        } catch {
            throw KeyFileError(description: "the key file \(path) cannot be used: \(error)")
        }
    }

    private static func parsed(_ bytes: [UInt8], _ path: String) throws(SystemError) -> Seal {
        let digits = bytes.filter { $0 != UInt8(ascii: "\n") }
        let nibbles = digits.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard nibbles.count == 64, digits.count == 64 else {
            throw SystemError(errno: EINVAL, operation: "\(path): not 64 hexadecimal digits")
        }
        let key = stride(from: 0, to: 64, by: 2).map { UInt8(nibbles[$0] << 4 | nibbles[$0 + 1]) }
        guard let seal = Seal(key: key) else { throw SystemError(errno: EINVAL, operation: path) }
        return seal
    }

    private static func existing(_ path: String) throws(SystemError) -> (bytes: [UInt8], mode: mode_t)? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT else { throw SystemError(errno: errno, operation: "stat") }
            return nil
        }
        return (try FileDescriptor.contents(ofFile: path), status.st_mode)
    }

    /// Writes the whole file durably before its name shows, so that a crash leaves no half key.
    private static func write(_ bytes: [UInt8], to path: String) throws(SystemError) {
        let temporary = path + ".new"
        unlink(temporary)
        let file = try FileDescriptor.open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        _ = try SystemError.check("write") { bytes.withUnsafeBytes { Glibc.write(file.raw, $0.baseAddress, $0.count) } }
        _ = try SystemError.check("fsync") { fsync(file.raw) }
        _ = try SystemError.check("rename") { rename(temporary, path) }
    }

    private static func makeDirectory(of path: String) throws(SystemError) {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
        let directory = String(path[..<slash])
        if mkdir(directory, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT else { throw SystemError(errno: errno, operation: "mkdir") }
        try makeDirectory(of: directory)
        _ = try SystemError.check("mkdir") { mkdir(directory, 0o700) }
    }
}
