import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { startService } from '../../src/producer/http/start.ts'
import { createLogger } from '../../src/shared/base/logger.ts'
import { connectRedis, type RedisConfig } from '../../src/shared/store/redis/redis.ts'
import { startWorker } from '../../src/worker/worker.ts'
import { startRedis } from '../helpers/redis.ts'
import { startRelay, type Weather } from '../helpers/relay.ts'
import { startWorld } from '../helpers/world.ts'

/** A process that is told to stop while it starts, and Redis goes away at that moment. */

const redis = await startRedis({ after })
const log = createLogger({ level: 'silent' })

interface Started {
  stop(): Promise<void>
}
type Start = (redis: RedisConfig, signal: AbortSignal) => Promise<Started>

/**
 * Lets one answer more through at each attempt. Each must end with the reason of its signal, however
 * Redis is gone.
 *
 * @param most fewer answers than the start needs one after the other
 */
async function stopAtEachStep(start: Start, weather: Weather, most: number): Promise<void> {
  for (let answers = 0; answers <= most; answers++) {
    await using relay = await startRelay(redis)
    const stopping = new AbortController()
    const turned = relay.turnAfter(answers, weather)
    const started = start({ kind: 'url', url: `redis://127.0.0.1:${relay.port}` }, stopping.signal)
    started.catch(() => {})
    await turned
    const reason = new Error(`Stopped after ${answers} answers.`)
    stopping.abort(reason)
    await assert.rejects(started, reason)
  }
}

describe('told to stop while it starts and Redis is gone', { concurrency: true }, () => {
  for (const weather of ['silent', 'broken'] as const) {
    test(`a worker lets go at each step (${weather})`, async (t) => {
      const { config, metrics, startWorker: first } = await startWorld(t, { redis })
      await (await first()).stop()
      const start: Start = (where, signal) =>
        startWorker({ config, redis: where, metrics, log }, signal)
      await stopAtEachStep(start, weather, 7)
    })

    test(`a service does so, too (${weather})`, async (t) => {
      const { config, metrics, startWorker: first } = await startWorld(t, { redis })
      await (await first()).stop()
      const parts = { config: { ...config, http: { ...config.http, port: 0 } }, metrics, log }
      const start: Start = (where, signal) => {
        const counting = connectRedis(where, 'fail-fast', () => {})
        signal.addEventListener('abort', () => counting.disconnect())
        return startService({ ...parts, redis: where, counting, version: 'test' }, signal)
      }
      await stopAtEachStep(start, weather, 3)
    })
  }

  test('a worker that never reached Redis lets go', async (t) => {
    const { config, metrics } = await startWorld(t, { redis })
    await using relay = await startRelay(redis)
    relay.turn('broken')
    const stopping = new AbortController()
    const where = { kind: 'url', url: `redis://127.0.0.1:${relay.port}` } as const
    const started = startWorker({ config, redis: where, metrics, log }, stopping.signal)
    const reason = new Error('Stopped.')
    stopping.abort(reason)
    await assert.rejects(started, reason)
  })
})
