import { timingSafeEqual } from 'node:crypto'
import { open } from 'node:fs/promises'
import { type Clock, systemClock } from '../../shared/base/clock.ts'
import { ConfigError, messageOf } from '../../shared/base/errors.ts'
import type { Logger } from '../../shared/base/logger.ts'
import { decodeText, whyUnreadable } from '../../shared/base/text-file.ts'
import type { ApiKey } from './api-key.ts'
import { parseKeyFile } from './key-file.ts'
import { digestOf } from './key-secret.ts'

/** The currently valid keys. */
interface KeyRing {
  /** The key for a secret; null if there is none, or no longer one. */
  find(secret: string): ApiKey | null
  /** Stops following the file. */
  close(): void
}

/** A change takes effect once the file was read the same twice: within a second. */
const READ_EVERY_MS = 500

/**
 * Opens a key file and follows it. It is read twice a second instead of watched: polling detects
 * every way in which files change (in place, by renaming, by a changed link as in Kubernetes), on
 * every file system, at the cost of a few kilobytes. If a new file is broken or missing, the
 * previous keys stay valid, and an error is logged.
 *
 * @throws {ConfigError} if the file is unusable at startup, with all its problems
 */
export async function openKeyRing(
  path: string,
  log: Logger,
  clock: Clock = systemClock,
): Promise<KeyRing> {
  const first = await readKeyFile(path)
  if ('fault' in first) {
    const message =
      `the key file ${first.fault}. Make keys with 'expunge key NAME >> FILE', ` +
      'let the user of this process read them, and name that file in http.keys.'
    throw new ConfigError([{ setting: path, message }])
  }
  const ring = new FileKeyRing(path, parseKeyFile(first.text, path), first, log)
  warnIfOpen(path, first, log)
  void ring.follow(clock)
  return ring
}

class FileKeyRing implements KeyRing {
  readonly #path: string
  readonly #log: Logger
  readonly #stop = new AbortController()
  #entries: KeyEntries
  #seen: Reading
  /** The text that was last evaluated, accepted or not. */
  #judged: string

  constructor(path: string, entries: KeyEntries, first: Content, log: Logger) {
    this.#path = path
    this.#log = log
    this.#entries = entries
    this.#seen = first
    this.#judged = first.text
  }

  find(secret: string): ApiKey | null {
    const digest = digestOf(secret)
    let found: ApiKey | null = null
    // Compares all digests, so that the time does not reveal which one matches.
    for (const { key, digests } of this.#entries) {
      for (const known of digests) if (timingSafeEqual(known, digest)) found = key
    }
    return found
  }

  close(): void {
    this.#stop.abort()
  }

  /** Runs until the ring is closed. */
  async follow(clock: Clock): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      await clock.sleep(READ_EVERY_MS, signal).catch(() => {})
      if (!signal.aborted) this.#take(await readKeyFile(this.#path))
    }
  }

  #take(now: Reading): void {
    const before = this.#seen
    this.#seen = now
    if ('fault' in now) {
      if (!('fault' in before)) this.#keep(`the file ${now.fault}`)
    } else if ('fault' in before || before.text !== now.text) {
      // It may still be being written; the next reading decides.
    } else if (now.text !== this.#judged) {
      this.#judged = now.text
      this.#adopt(now)
    }
  }

  #adopt(content: Content): void {
    try {
      const fresh = parseKeyFile(content.text, this.#path)
      this.#log.info({ path: this.#path, ...changes(this.#entries, fresh) }, 'took up a key file')
      this.#entries = fresh
      warnIfOpen(this.#path, content, this.#log)
    } catch (error) {
      this.#keep(messageOf(error))
    }
  }

  #keep(problem: string): void {
    const names = this.#entries.map(({ key }) => key.name)
    this.#log.error(
      { path: this.#path, problem, keys: names },
      'the new key file cannot be used: the keys before it stay valid',
    )
  }
}

type KeyEntries = ReturnType<typeof parseKeyFile>

interface Content {
  readonly text: string
  /** Permissions, such as 0o600. */
  readonly mode: number
}

/**
 * The result of reading the file, or the error as the end of a sentence that begins with
 * `the file …`.
 */
type Reading = Content | { readonly fault: string }

async function readKeyFile(path: string): Promise<Reading> {
  try {
    await using file = await open(path)
    const { mode } = await file.stat()
    return { text: decodeText(await file.readFile()), mode }
  } catch (error) {
    return { fault: whyUnreadable(error) }
  }
}

/** Users who can write the file can add keys; users who can read it see every key's permissions. */
function warnIfOpen(path: string, { mode }: Content, log: Logger): void {
  if ((mode & 0o006) === 0) return
  const what = (mode & 0o002) === 0 ? 'read' : 'write'
  log.warn({ path }, `every user of this machine may ${what} the key file. Run: chmod 640`)
}

function changes(before: KeyEntries, after: KeyEntries) {
  const names = (entries: KeyEntries) => new Set(entries.map(({ key }) => key.name))
  return {
    keys: [...names(after)],
    added: [...names(after).difference(names(before))],
    removed: [...names(before).difference(names(after))],
  }
}
