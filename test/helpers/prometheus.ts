import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { type Packaged, unpackDebianPackage } from '../../src/cli/embedded-redis/debian-package.ts'
import { messageOf } from '../../src/shared/base/errors.ts'
import { startMortal } from './mortal.ts'

/**
 * Prometheus and promtool for tests: those on the PATH, else of Debian's package, unpacked without
 * root into the user's cache, as the tests' Redis is.
 */
interface Tools {
  readonly prometheus: string
  readonly promtool: string
  readonly version: string
}

const run = promisify(execFile)

const DEBIAN_PROMETHEUS: Packaged<Tools> = {
  title: 'Prometheus',
  name: 'prometheus',
  packages: ['prometheus'],
  alone: true,
  megabytes: 20,
  find: (root) => tools((name) => join(root, 'usr/bin', name)),
}

/** Starts both to ask for the version: the proof that they run here. */
async function tools(
  where: (name: 'prometheus' | 'promtool') => string,
): Promise<Tools | { readonly problem: string }> {
  const [prometheus, promtool] = [where('prometheus'), where('promtool')]
  try {
    await run(prometheus, ['--version'], { timeout: 10_000 })
    const { stdout } = await run(promtool, ['--version'], { timeout: 10_000 })
    const [, version = 'unknown'] = /version (\d\S*)/.exec(stdout) ?? []
    return { prometheus, promtool, version }
  } catch (error) {
    return { problem: `Prometheus does not start: ${messageOf(error).trim()}` }
  }
}

async function look(): Promise<Tools | { readonly problem: string }> {
  const onPath = await tools((name) => name)
  if (!('problem' in onPath)) return onPath
  const log = (line: string) => console.error(`# ${line}`)
  return unpackDebianPackage(DEBIAN_PROMETHEUS, { env: process.env, log })
}

let found: ReturnType<typeof look> | undefined

/** Looks once in a process. */
function find(): ReturnType<typeof look> {
  found ??= look()
  return found
}

const IS_CI = !['', 'false'].includes(process.env['CI'] ?? '')

/**
 * For `test(title, { skip: await prometheusUnavailable() }, …)`: why there is no Prometheus here, or
 * false. Under CI it throws instead: there a missing part is a failure.
 */
export async function prometheusUnavailable(): Promise<string | false> {
  const answer = await find()
  if (!('problem' in answer)) return false
  const reason = `No Prometheus: ${answer.problem}`
  if (IS_CI) throw new Error(reason)
  return reason
}

async function theTools(): Promise<Tools> {
  const answer = await find()
  if ('problem' in answer) throw new Error(answer.problem)
  return answer
}

/** Runs promtool; gives what it said. Throws, with that, where it found a fault. */
export function promtool(...args: readonly string[]): Promise<string> {
  return promtoolOn('', ...args)
}

/** The same, with this text on its standard input. */
export async function promtoolOn(input: string, ...args: readonly string[]): Promise<string> {
  const { promtool: command } = await theTools()
  try {
    const running = run(command, [...args])
    running.child.stdin?.end(input)
    const { stdout, stderr } = await running
    return stdout + stderr
  } catch (error) {
    const said =
      error instanceof Error && 'stdout' in error && 'stderr' in error
        ? `${error.stdout}${error.stderr}`
        : messageOf(error)
    throw new Error(`promtool ${args.join(' ')}\n${said}`)
  }
}

/** One series of an instant query: its labels and its value. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface TestPrometheus {
  readonly url: string
  /** An instant query of vector or scalar, as of now. Throws where Prometheus cannot answer it. */
  query(expr: string): Promise<readonly Sample[]>
}

interface Scope {
  after(fn: () => Promise<void>): void
}

/**
 * A Prometheus on a free port of loopback, ended and removed after the test; so `after` is to run
 * its hooks in reverse. Its data is kept in `data`, if given.
 */
export async function startPrometheus(
  t: Scope,
  configFile: string,
  { data, args = [] }: { readonly data?: string; readonly args?: readonly string[] } = {},
): Promise<TestPrometheus> {
  const { prometheus } = await theTools()
  const folder = data ?? (await mkdtemp(join(tmpdir(), 'expunge-prometheus-')))
  if (data === undefined) {
    t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  }
  const { said } = startMortal(
    t,
    [
      prometheus,
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${folder}`,
      '--web.listen-address=127.0.0.1:0',
      ...args,
    ],
    {},
  )
  const line = await said((text) => LISTENING.test(text))
  await said((text) => text.includes('Server is ready'))
  const url = `http://${LISTENING.exec(line)?.[1]}`
  return { url, query: (expr) => query(url, expr) }
}

const LISTENING = /Listening on"? address=(127\.0\.0\.1:\d+)/

const answerSchema = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('success'),
    data: z.discriminatedUnion('resultType', [
      z.object({
        resultType: z.literal('vector'),
        result: z.array(
          z.object({
            metric: z.record(z.string(), z.string()),
            value: z.tuple([z.number(), z.string()]),
          }),
        ),
      }),
      z.object({
        resultType: z.literal('scalar'),
        result: z.tuple([z.number(), z.string()]),
      }),
    ]),
  }),
  z.object({ status: z.literal('error'), error: z.string() }),
])

async function query(url: string, expr: string): Promise<readonly Sample[]> {
  const body = new URLSearchParams({ query: expr })
  const response = await fetch(`${url}/api/v1/query`, { method: 'POST', body })
  const answer = answerSchema.parse(await response.json())
  if (answer.status === 'error') throw new Error(`${answer.error}\nin: ${expr}`)
  const { data } = answer
  switch (data.resultType) {
    case 'vector':
      return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
    case 'scalar':
      return [{ labels: {}, value: Number(data.result[1]) }]
    default:
      throw new TypeError(`Unknown result ${JSON.stringify(data satisfies never)}`)
  }
}
