import { createHash, randomBytes } from 'node:crypto'

/** 256 bits cannot be guessed, even from their hash. */
const SECRET_BYTES = 32

/** What a key begins with, so that scanners, and our own logs, know one where it leaks. */
const PREFIX = 'expunge_'

const HASH = /^sha256:([0-9a-f]{64})$/

/** A new key, as its bearer sends it. */
export function createSecret(): string {
  return PREFIX + randomBytes(SECRET_BYTES).toString('base64url')
}

/**
 * Plain SHA-256: slow, salted hashes protect what people choose and others can guess. Keys are
 * random and long, so that there is nothing to try, and a slow hash would only make each call slow.
 */
export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** The digest as a key file has it. */
export function hashOf(secret: string): string {
  return `sha256:${digestOf(secret).toString('hex')}`
}

/** The digest of such a text; undefined where it is none. */
export function parseHash(text: string): Buffer | undefined {
  const [, hex] = HASH.exec(text) ?? []
  return hex === undefined ? undefined : Buffer.from(hex, 'hex')
}
