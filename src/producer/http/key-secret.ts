import { createHash, randomBytes } from 'node:crypto'

/** 256 bits cannot be guessed, even from their hash. */
const SECRET_BYTES = 32

/** Prefix of every key, so that scanners and our own logs recognize a leaked one. */
const PREFIX = 'expunge_'

const HASH = /^sha256:([0-9a-f]{64})$/

/** A new key, as its bearer sends it. */
export function createSecret(): string {
  return PREFIX + randomBytes(SECRET_BYTES).toString('base64url')
}

/**
 * Plain SHA-256: slow, salted hashes protect passwords, which people choose and others can guess.
 * Keys are random and long, so guessing is hopeless, and a slow hash would only slow down each
 * call.
 */
export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** The digest in the key file's format. */
export function hashOf(secret: string): string {
  return `sha256:${digestOf(secret).toString('hex')}`
}

/** Parses that format; undefined if the text is invalid. */
export function parseHash(text: string): Buffer | undefined {
  const [, hex] = HASH.exec(text) ?? []
  return hex === undefined ? undefined : Buffer.from(hex, 'hex')
}
