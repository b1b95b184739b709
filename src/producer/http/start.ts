import { systemClock } from '../../shared/base/clock.ts'
import { ConfigError, messageOf } from '../../shared/base/errors.ts'
import type { Logger } from '../../shared/base/logger.ts'
import { raceAbort } from '../../shared/base/race.ts'
import { type Config, railsOf } from '../../shared/config/config.ts'
import { railChanges } from '../../shared/contract/guard-rails.ts'
import { openResultsStore } from '../../shared/results/open.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import { outageTeller } from '../../shared/store/redis/outage-teller.ts'
import {
  type RedisClient,
  type RedisConfig,
  RedisUnavailableError,
} from '../../shared/store/redis/redis.ts'
import { explained, isLasting } from '../../shared/store/redis/trouble.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'
import { connectProducer } from '../connection.ts'
import { producerOver } from '../producer.ts'
import { createCallers } from './caller.ts'
import { openKeyRing } from './keys.ts'
import { createOrgs } from './orgs.ts'
import { createRateLimiter } from './rate-limit.ts'
import { startHttpServer } from './server.ts'
import { HTTP_TIMEOUTS, type HttpTimeouts, withinDeadline } from './timeouts.ts'

interface ServiceOptions {
  readonly config: Config
  readonly redis: RedisConfig
  /** A second connection, so that counting calls never waits for the frames of an upload. */
  readonly counting: RedisClient
  readonly metrics: Metrics
  readonly log: Logger
  readonly version: string
  readonly timeouts?: HttpTimeouts
}

interface RunningService {
  readonly url: string
  /** Null if requests can be accepted, else what is missing. */
  ready(): Promise<string | null>
  /** Waits for calls in flight first. */
  stop(): Promise<void>
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i

/**
 * Starts the HTTP service: waits for Redis, verifies that its results directory is the workers',
 * then listens.
 *
 * @throws ConfigError, IdentityError, RedisUnusableError
 */
export async function startService(
  {
    config,
    redis: where,
    counting,
    metrics,
    log,
    version,
    timeouts = HTTP_TIMEOUTS,
  }: ServiceOptions,
  signal?: AbortSignal,
): Promise<RunningService> {
  const { http } = config
  if (http.keys === null) {
    assertLoopback(http.host)
    log.warn(
      { host: http.host },
      'No API keys are configured (http.keys): every user of this machine has full access. Listening on loopback only.',
    )
  }
  const teller = outageTeller(log, { note: 'Calls are refused meanwhile.', isExplained: false })
  let isServing = false
  // Until then `waitForRedis` reports the reason.
  const onError = (error: Error) => {
    if (isServing) teller.onError(error)
  }
  await using opening = new AsyncDisposableStack()
  const keys = http.keys === null ? null : await openKeyRing(http.keys, log)
  opening.defer(() => keys?.close())
  const objects = [...config.objects.keys()]
  const connecting = () =>
    raceAbort(connectProducer({ redis: where, objects, onError }, signal), signal)
  const connection = await waitForRedis(connecting, log, signal)
  opening.defer(() => connection.close())
  const { redis, stores } = connection
  redis.on('ready', teller.onReady)
  const results = await openResultsStore(config.results)
  opening.defer(() => results.close())
  const configured = [...config.orgs.keys()]
  const orgs = createOrgs({ stores, configured, results })
  const openOrg = async (org: string) => tellRails(await orgs.open(org), config, log)
  for (const org of configured) {
    await waitForRedis(() => raceAbort(openOrg(org), signal), log, signal)
  }
  const counts = () => explained(() => counting.ping())
  await waitForRedis(() => raceAbort(counts(), signal), log, signal)
  const callers = createCallers(keys, createRateLimiter(counting), timeouts)
  const redisTrouble = () => {
    const away = [redis, counting].find(({ status }) => status !== 'ready')
    return away === undefined ? null : `the connection is ${away.status}`
  }
  const inTime = <T>(work: Promise<T>) => withinDeadline(timeouts, work)
  const server = await startHttpServer(
    {
      producer: producerOver(connection),
      fileRoots: config.files.roots,
      receivers: config.callbacks?.receivers ?? null,
      orgs,
      results,
      callers,
      metrics,
      log,
      version,
      redisTrouble,
      timeouts,
      inTime,
    },
    http,
  )
  opening.defer(() => server.close())
  isServing = true
  teller.onStarted()
  const opened = opening.move()
  return {
    url: server.url,
    ready: async () => {
      const trouble = redisTrouble()
      if (trouble !== null) return trouble
      const ledgers = orgs.known().map(({ connection }) => connection.verify())
      const asked = Promise.all([redis.ping(), counting.ping(), ...ledgers])
      return inTime(asked).then(() => null, messageOf)
    },
    stop: () => opened.disposeAsync(),
  }
}

const AGAIN_AFTER_MS = 1_000

/**
 * A process that starts together with Redis waits for it without a limit, also while Redis answers
 * but accepts no writes yet, such as a new primary without replicas.
 */
async function waitForRedis<T>(
  work: () => Promise<T>,
  log: Logger,
  signal: AbortSignal | undefined,
): Promise<T> {
  let told = ''
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof RedisUnavailableError) || isLasting(error.code)) throw error
      if (error.message !== told)
        log.warn({ code: error.code }, `Waiting for Redis. ${error.message}`)
      told = error.message
      await systemClock.sleep(AGAIN_AFTER_MS, signal)
    }
  }
}

/** A producer often runs without settings that only workers need, so it changes no guard rails. */
async function tellRails(store: OrgStore, config: Config, log: Logger): Promise<void> {
  const own = config.orgs.get(store.org)
  const known = await explained(() => store.ledger.rails())
  if (own === undefined || known === null) return
  const changes = railChanges(known.rails, railsOf(config, own))
  if (changes.length === 0) return
  log.info(
    { org: store.org, settings: changes.map(({ setting }) => setting) },
    "Guard rails of the org differ from this configuration; the org's hold. See expunge policy.",
  )
}

function assertLoopback(host: string): void {
  if (LOOPBACK.test(host)) return
  throw new ConfigError([
    {
      setting: 'http.keys',
      message: `missing; without API keys the service listens on loopback alone, not on ${host}. Make a key file, name it here in the file that EXPUNGE_CONFIG names, or set EXPUNGE_HTTP_HOST to 127.0.0.1.`,
    },
  ])
}
