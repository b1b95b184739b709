import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../../shared/base/errors.ts'
import { EmbeddedRedisError } from './errors.ts'

interface Lock {
  release(): void
}

const SQLITE_BUSY = 5

// A lock lives as long as its connection: nothing may be collected while it is held.
const held = new Set<DatabaseSync>()

/**
 * Takes the lock at `path`, or gives null where another process, or another caller in this one,
 * holds it.
 *
 * An empty SQLite file, because Node has no other way to a lock of the kernel's: that one is gone
 * the moment its holder dies, however it dies. There is no stale lock to judge, no process id that
 * may have been given out again, and it holds across containers that share the folder.
 */
export function tryLock(path: string): Lock | null {
  const database = open(path)
  try {
    // No journal file beside it: nothing is ever written.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN IMMEDIATE')
  } catch (error) {
    database.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return null
    throw cannotLock(path, error)
  }
  held.add(database)
  return {
    release: () => {
      if (held.delete(database)) database.close()
    },
  }
}

/** As `tryLock`, but tries again until `deadline` (milliseconds since the epoch). */
export async function waitForLock(path: string, deadline: number): Promise<Lock | null> {
  for (;;) {
    const lock = tryLock(path)
    if (lock !== null || Date.now() >= deadline) return lock
    await delay(25)
  }
}

function open(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path)
  } catch (error) {
    throw cannotLock(path, error)
  }
}

function cannotLock(path: string, cause: unknown): EmbeddedRedisError {
  return new EmbeddedRedisError(
    'EMBEDDED_REDIS_HOME',
    `Could not lock ${path}: ${messageOf(cause)}. The folder must be writable and on a disk with file locks.`,
    { cause },
  )
}
