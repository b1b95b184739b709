import type { DestinationStream } from 'pino'
import { z } from 'zod'
import { createLogger, type Logger } from '../shared/base/logger.ts'
import { visible } from '../shared/base/visible.ts'
import type { Config } from '../shared/config/config.ts'
import { createMetrics } from '../shared/telemetry/metrics/metrics.ts'
import { type RunningWorker, startWorker } from '../worker/worker.ts'
import type { Cli } from './cli.ts'
import type { CommandRedis } from './redis.ts'
import type { Screen } from './screen.ts'

interface OwnWorkerOptions {
  readonly cli: Cli
  readonly config: Config
  readonly redis: CommandRedis
  /** The only request to work on. */
  readonly request: string
  readonly command: 'run' | 'cancel'
}

/** Starts a worker in this process, for one request. */
export function startOwnWorker(
  { cli, config, redis, request, command }: OwnWorkerOptions,
  signal: AbortSignal,
): Promise<RunningWorker> {
  return startWorker(
    {
      config: redis.embedded ? withShortLocks(config) : config,
      redis: redis.config,
      metrics: createMetrics({ version: cli.version }),
      log: commandLog(cli.screen, config, command),
      only: { request, amongOthers: !redis.embedded },
    },
    signal,
  )
}

/**
 * Nobody else uses the embedded server, so locks left by a killed run can be taken over within
 * seconds. A lock lost to a long pause costs only a hand-over to this worker itself.
 */
function withShortLocks(config: Config): Config {
  const { lockMs, stalledMs } = config.worker
  return {
    ...config,
    worker: {
      ...config.worker,
      lockMs: Math.min(lockMs, 5000),
      stalledMs: Math.min(stalledMs, 1000),
    },
  }
}

/**
 * The worker's log inside a command for people: its warnings, as sentences. With LOG_LEVEL set, a
 * worker's JSON lines instead.
 */
export function commandLog(
  { env, stderr, warn }: Screen,
  { logLevel: level }: Pick<Config, 'logLevel'>,
  name: string,
): Logger {
  return env['LOG_LEVEL']
    ? createLogger({ level, name, destination: stderr })
    : createLogger({ level: 'warn', name, destination: sentences(warn, Date.now) })
}

const lineSchema = z.object({
  msg: z.string(),
  code: z.string().optional(),
  reason: z.string().optional(),
  err: z.object({ message: z.string() }).optional(),
})

/** An outage is logged at every reconnect; people need it once. */
const REPEATED_AFTER_MS = 60_000

/**
 * Converts JSON lines to sentences, each printed at most once a minute. A missing Redis, pauses and
 * retried rows are left out, because the command that follows the request reports them.
 */
export function sentences(say: (text: string) => void, now: () => number): DestinationStream {
  const said = new Map<string, number>()
  return {
    write: (line) => {
      const { data } = lineSchema.safeParse(parsed(line))
      if (data === undefined) return say(line.trimEnd())
      const { msg, err, code, reason } = data
      if (code === 'REDIS_AWAY' || reason !== undefined) return
      if (now() - (said.get(msg) ?? Number.NEGATIVE_INFINITY) < REPEATED_AFTER_MS) return
      said.set(msg, now())
      say(visible(err === undefined || msg.includes(err.message) ? msg : `${msg} ${err.message}`))
    },
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
