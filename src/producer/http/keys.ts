import { timingSafeEqual } from 'node:crypto'
import { open } from 'node:fs/promises'
import { type Clock, systemClock } from '../../shared/base/clock.ts'
import { ConfigError, messageOf } from '../../shared/base/errors.ts'
import type { Logger } from '../../shared/base/logger.ts'
import { decodeText, whyUnreadable } from '../../shared/base/text-file.ts'
import type { ApiKey } from './api-key.ts'
import { parseKeyFile } from './key-file.ts'
import { digestOf } from './key-secret.ts'

/** The keys that are valid now. */
interface KeyRing {
  /** The key that a secret stands for; null where it stands for none, or for none any more. */
  find(secret: string): ApiKey | null
  /** Stops following the file. */
  close(): void
}

/** A change counts once the file was read the same twice: within a second. */
const READ_EVERY_MS = 500

/**
 * Opens a key file and follows it. It is read twice a second rather than watched: that sees every
 * way in which files change (in place, renamed over, a link turned elsewhere as Kubernetes does it),
 * on every file system, for a few kilobytes. A new file that is broken or gone changes nothing: the
 * keys before it stay valid, and the log says so.
 *
 * @throws {ConfigError} where the file cannot be used to begin with, with all that is wrong
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
  /** The text that was judged last, whether it was taken over or not. */
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
    // All are compared, wherever the right one stands: how long it takes says nothing about it.
    for (const { key, digests } of this.#entries) {
      for (const known of digests) if (timingSafeEqual(known, digest)) found = key
    }
    return found
  }

  close(): void {
    this.#stop.abort()
  }

  /** Until the ring is closed. */
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
      // It may just be being written: the next reading tells.
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
  /** Permissions, as in 0o600. */
  readonly mode: number
}

/** What a reading of the file gave, or why it failed, as a sentence goes on from `the file …`. */
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

/** A user who can write the file can add a key; one who can read it sees every key's rights. */
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
