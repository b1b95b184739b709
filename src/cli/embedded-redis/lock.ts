import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../../shared/base/errors.ts'
import { EmbeddedRedisError } from './errors.ts'

interface Lock {
  release(): void
}

const SQLITE_BUSY = 5

// A lock lasts as long as its connection, so it must not be garbage-collected while held.
const held = new Set<DatabaseSync>()

/**
 * Takes the lock at `path`; null if another process, or another caller in this one, holds it.
 *
 * Uses an empty SQLite file, because Node offers no other access to kernel locks. The kernel
 * releases the lock when its holder dies, for whatever reason. So there are no stale locks and no
 * reused process ids to consider, and the lock works across containers that share the folder.
 */
export function tryLock(path: string): Lock | null {
  const database = open(path)
  try {
    // No journal file: nothing is ever written.
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

/** Like `tryLock`, but retries until `deadline` (milliseconds since the epoch). */
export async function waitForLock(path: string, deadline: number): Promise<Lock | null> {
  for (;;) {
    const lock = tryLock(path)
    if (lock !== null || Date.now() >= deadline) return lock
    await delay(25)
  }
}

/** Suppresses the warning of Node 22 that SQLite is experimental. */
function loadSqlite() {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return process.getBuiltinModule('node:sqlite')
  } finally {
    process.emitWarning = emitWarning
  }
}

function open(path: string): DatabaseSync {
  const sqlite = loadSqlite()
  try {
    return new sqlite.DatabaseSync(path)
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
