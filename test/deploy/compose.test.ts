import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { z } from 'zod'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { loadConfig } from '../../src/shared/config/config.ts'
import { connectRedis } from '../../src/shared/store/redis/redis.ts'
import { server, startRedis } from '../helpers/redis.ts'
import { textOf, yamlOf } from './manifests.ts'

const strings = z.array(z.string())
const service = z.object({
  image: z.string(),
  command: z.union([strings, z.string()]),
  environment: z.record(z.string(), z.string().nullable()).default({}),
  read_only: z.literal(true),
  security_opt: z.tuple([z.literal('no-new-privileges:true')]),
  mem_limit: z.string(),
  profiles: strings.default([]),
  ports: strings.default([]),
  volumes: strings.default([]),
  cap_drop: strings.default([]),
  stop_grace_period: z.string().optional(),
  networks: strings,
  user: z.string().optional(),
  healthcheck: z.object({ test: strings.optional() }).optional(),
})
const composeSchema = z.object({
  services: z.record(z.string(), service.partial({ command: true })),
  volumes: z.record(z.string(), z.null()),
  networks: z.record(z.string(), z.object({ internal: z.boolean().default(false) })),
})
const { services, volumes, networks } = composeSchema.parse(await yamlOf('docker-compose.yml'))
const OURS = ['producer', 'worker', 'cli', 'sandbox']
const dockerfile = await textOf('Dockerfile')

function path(name: string): string {
  return fileURLToPath(new URL(`../../${name}`, import.meta.url))
}

test('every image is pinned to one version, ours to that of the package', async () => {
  const { version } = z.object({ version: z.string() }).parse(await yamlOf('package.json'))
  for (const [name, { image }] of Object.entries(services)) {
    if (OURS.includes(name)) assert.equal(image, `\${EXPUNGE_IMAGE:-expunge:${version}}`)
    else assert.match(image, /:v?\d+\.\d+\.\d+(?:-[a-z]+)?$/, name)
  }
  const told = [...(await textOf('docs/deployment.md')).matchAll(/\bexpunge:([\d.]+)/g)]
  assert.ok(told.length > 3)
  for (const [, tag] of told) assert.equal(tag, version)
  const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image)
  assert.equal(new Set(bases).size, 1)
  const node = (await textOf('.node-version')).trim()
  assert.match(bases[0] ?? '', new RegExp(`^node:${node}\\.\\d+\\.\\d+-[a-z]+-slim$`))
})

test('what the Dockerfile copies is let through, and nothing else', async () => {
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)]
    .flatMap(([, sources = '']) => sources.split(' '))
    .sort()
  const [first, ...allowed] = (await textOf('.dockerignore'))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  assert.equal(first, '*')
  const letThrough = allowed.map((line) => line.replace(/^!/, ''))
  assert.deepEqual(letThrough.sort(), [...new Set(copied)])
  for (const name of copied) await stat(path(name))
  // The build runs in the image, so the image needs all that it imports.
  const imports = await importedBy('scripts/build.ts')
  const isCopied = (file: string) => copied.some((name) => `${file}/`.startsWith(`${name}/`))
  assert.deepEqual(
    imports.filter((file) => !isCopied(file)),
    [],
  )
})

/** Files of this repository that a script imports, directly or not; below `src` it does not look. */
async function importedBy(file: string): Promise<readonly string[]> {
  const own = [...(await textOf(file)).matchAll(/ from '(\.[^']+)'/g)].map(([, to = '']) =>
    join(dirname(file), to),
  )
  const below = own.filter((to) => !to.startsWith('src/')).map(importedBy)
  return [...own, ...(await Promise.all(below)).flat()]
}

test('what is mounted is there, or is a volume of its own', async () => {
  for (const [name, { volumes: mounts }] of Object.entries(services)) {
    for (const mount of mounts) {
      const [from = '', to] = mount.split(':')
      if (to === undefined) continue
      if (from.startsWith('./')) await stat(path(from))
      else assert.ok(from in volumes, `${name}: ${mount}`)
    }
  }
})

test('nothing listens to the world, and our containers have no capability', () => {
  for (const [name, { ports, cap_drop }] of Object.entries(services)) {
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:/, name)
    if (OURS.includes(name)) assert.deepEqual(cap_drop, ['ALL'], name)
  }
  assert.deepEqual(services['redis']?.ports, [])
  assert.deepEqual(services['redis']?.cap_drop, ['ALL'])
  // Not the root that its image would start as.
  assert.match(services['redis']?.user ?? '', /^[1-9]\d*:1000$/)
})

/** Services that a service shares a network with, and so can reach. */
function reachedBy(name: string): readonly string[] {
  const own = services[name]?.networks ?? []
  return Object.entries(services)
    .filter(([other, { networks }]) => other !== name && networks.some((one) => own.includes(one)))
    .map(([other]) => other)
    .sort()
}

test('only Expunge reaches Redis, and Redis reaches nothing else', () => {
  assert.deepEqual(reachedBy('redis'), ['cli', 'producer', 'worker'])
  for (const name of services['redis']?.networks ?? []) {
    assert.equal(networks[name]?.internal, true, name)
  }
})

test('dashboards reach the metrics alone, and Grafana not even these', () => {
  assert.deepEqual(reachedBy('grafana'), ['alertmanager', 'prometheus'])
  assert.deepEqual(reachedBy('alertmanager'), ['grafana', 'prometheus'])
  assert.deepEqual(reachedBy('prometheus'), ['alertmanager', 'grafana', 'producer', 'worker'])
  const shared = services['prometheus']?.networks.filter((name) =>
    services['worker']?.networks.includes(name),
  )
  assert.deepEqual(shared, ['metrics'])
  assert.equal(networks['metrics']?.internal, true)
})

test('what publishes a port or calls Salesforce has a network that leads out', () => {
  const leadsOut = (name: string) =>
    services[name]?.networks.some((network) => networks[network]?.internal === false)
  for (const [name, { ports, environment }] of Object.entries(services)) {
    const needsIt = ports.length > 0 || 'SALESFORCE_LOGIN_URL' in environment
    if (needsIt) assert.ok(leadsOut(name), name)
    for (const network of services[name]?.networks ?? []) assert.ok(network in networks, network)
  }
})

test('Redis has a password of the operator and no other, and starts with none missing', async (t) => {
  const { command } = services['redis'] ?? {}
  const [shell, flag, start = ''] = Array.isArray(command) ? command : []
  assert.deepEqual([shell, flag], ['sh', '-c'])
  assert.doesNotMatch(
    await textOf('docker-compose.yml'),
    /requirepass (?!\\1|\/\/p)|redis:\/\/:(?!PASSWORD|\\\()/,
  )
  const folder = await mkdtemp(join(tmpdir(), 'expunge-compose-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const script = start
    .replaceAll('$$', '$')
    .replaceAll('/run/secrets/redis/url', join(folder, 'url'))
    .replaceAll('/tmp/redis.conf', join(folder, 'redis.conf'))
    .replace('exec redis-server', 'echo started')
  const run = async (url: string) => {
    await writeFile(join(folder, 'url'), url)
    return spawnSync('sh', ['-c', script], { encoding: 'utf8' })
  }
  for (const url of [
    '',
    'redis://redis:6379',
    'redis://:@redis:6379',
    'redis://:x@elsewhere:6379',
  ]) {
    const { status, stdout } = await run(url)
    assert.equal(status, 1, url)
    assert.match(stdout, /^Expected redis:\/\/:PASSWORD@redis:6379/)
  }
  const { status, stdout } = await run('redis://:s3cret@redis:6379\n')
  assert.deepEqual([status, stdout.startsWith('started ')], [0, true])
  assert.equal(await readFile(join(folder, 'redis.conf'), 'utf8'), 'requirepass s3cret\n')
  assert.equal((await stat(join(folder, 'redis.conf'))).mode & 0o777, 0o600)
  for (const name of ['producer', 'worker', 'cli']) {
    assert.equal(services[name]?.environment['REDIS_URL_FILE'], '/run/secrets/redis/url')
    const mounts = services[name]?.volumes ?? []
    assert.ok(mounts.includes('./deploy/compose/secrets/redis:/run/secrets/redis:ro'), name)
  }
})

test('Redis is healthy where it answers to the password, which no list of processes shows', async (t) => {
  const [kind, check = ''] = services['redis']?.healthcheck?.test ?? []
  assert.equal(kind, 'CMD-SHELL')
  const redis = await startRedis(t)
  const folder = await mkdtemp(join(tmpdir(), 'expunge-compose-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const { command, env } = await server()
  const client = join(dirname(command), 'redis-cli')
  if (!existsSync(client)) return t.skip('no redis-cli beside the server')
  const log = join(folder, 'arguments')
  // The server of the test has a port of its own.
  const wrapper = `#!/bin/sh\necho "$@" >> ${log}\nexec ${client} -p ${redis.port} "$@"\n`
  await writeFile(join(folder, 'redis-cli'), wrapper, { mode: 0o755 })
  const conf = join(folder, 'redis.conf')
  const healthy = async (password: string) => {
    await writeFile(conf, `requirepass ${password}\n`)
    const script = check.replaceAll('$$', '$').replaceAll('/tmp/redis.conf', conf)
    const PATH = `${folder}:${process.env['PATH']}`
    return spawnSync('sh', ['-c', script], { env: { ...process.env, ...env, PATH } }).status === 0
  }
  const connection = connectRedis({ kind: 'url', url: redis.url }, 'fail-fast', () => {})
  t.after(() => connection.disconnect())
  await connection.config('SET', 'requirepass', 's3cret')
  assert.equal(await healthy('s3cret'), true)
  assert.equal(await healthy('another'), false)
  assert.doesNotMatch(await readFile(log, 'utf8'), /s3cret|another/)
})

test('who is stopped has the time that the promise takes', () => {
  for (const name of ['producer', 'worker']) {
    const [, seconds] = /^(\d+)s$/.exec(services[name]?.stop_grace_period ?? '') ?? []
    assert.ok(Number(seconds) > 10, name)
  }
})

test('Redis keeps what it has, and refuses what it has no room for', () => {
  const { command } = services['redis'] ?? {}
  const [, , start = ''] = Array.isArray(command) ? command : []
  assert.match(start, /--appendonly yes\b/)
  assert.match(start, /--maxmemory \d+[mg]b\b/)
  assert.match(start, /--maxmemory-policy noeviction\b/)
})

test('Grafana finds datasources and dashboards where they are mounted, and opens the first', async () => {
  const { volumes: mounts = [], environment = {} } = services['grafana'] ?? {}
  const at = (folder: string) =>
    mounts.find((mount) => mount.startsWith(`${folder}:`))?.split(':')[1] ?? ''
  assert.equal(at('./grafana/provisioning'), '/etc/grafana/provisioning')
  const providers = z.object({
    providers: z.tuple([z.object({ options: z.object({ path: z.string() }) })]),
  })
  const provided = providers.parse(await yamlOf('grafana/provisioning/dashboards/expunge.yaml'))
  assert.equal(provided.providers[0].options.path, at('./grafana/dashboards'))
  const home = environment['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'] ?? ''
  await stat(path(home.replace(at('./grafana/dashboards'), 'grafana/dashboards')))
  const sources = z.object({ datasources: z.tuple([z.object({ url: z.string() })]) })
  for (const name of ['prometheus', 'alertmanager']) {
    const file = `grafana/provisioning/datasources/${name}.yaml`
    const { datasources } = sources.parse(await yamlOf(file))
    assert.equal(new URL(datasources[0].url).hostname, name)
    assert.ok(name in services)
  }
})

test('Alertmanager is told of alerts, and may read the secrets and nothing else of Expunge', async () => {
  const { user, volumes: mounts = [], ports = [] } = services['alertmanager'] ?? {}
  assert.match(user ?? '', /^[1-9]\d*:1000$/)
  assert.deepEqual(
    mounts.filter((mount) => mount.startsWith('./')),
    [
      './grafana/alertmanager.yml:/etc/alertmanager/alertmanager.yml:ro',
      './deploy/compose/secrets/alertmanager:/run/secrets/alertmanager:ro',
    ],
  )
  const alerting = z.object({
    alerting: z.object({
      alertmanagers: z.tuple([
        z.object({ static_configs: z.tuple([z.object({ targets: strings })]) }),
      ]),
    }),
  })
  const config = alerting.parse(await yamlOf('grafana/prometheus.yml'))
  const port = ports[0]?.split(':').at(-1)
  const [{ static_configs }] = config.alerting.alertmanagers
  assert.deepEqual(static_configs[0].targets, [`alertmanager:${port}`])
})

test('Prometheus serves the runbooks where its alerts link to', () => {
  const { command = [], volumes: mounts = [] } = services['prometheus'] ?? {}
  const flag = '--web.console.templates='
  const folder = [command]
    .flat()
    .find((one) => one.startsWith(flag))
    ?.replace(flag, '')
  assert.ok(mounts.includes(`./grafana/runbooks:${folder}:ro`))
})

test('Prometheus looks for the processes by the names of their services', async () => {
  const config = z.object({
    scrape_configs: z.array(
      z.object({ dns_sd_configs: z.tuple([z.object({ names: strings, port: z.number() })]) }),
    ),
  })
  const { scrape_configs } = config.parse(await yamlOf('grafana/prometheus.yml'))
  const found = scrape_configs.map(({ dns_sd_configs: [{ names, port }] }) => [names, port])
  assert.deepEqual(found, [
    [['worker'], 9464],
    [['producer'], 9464],
  ])
  assert.match(dockerfile, /^EXPOSE 8080 9464$/m)
})

test('no secret is in the file, and only workers are given what Salesforce wants', () => {
  for (const [name, { environment }] of Object.entries(services)) {
    for (const [variable, value] of Object.entries(environment)) {
      if (!variable.startsWith('SALESFORCE_')) continue
      assert.equal(value, null, `${name}: ${variable}`)
      assert.ok(['worker', 'cli'].includes(name), `${name}: ${variable}`)
    }
  }
})

test('the settings of the profile `sandbox` are those of the sandbox, and valid', async (t) => {
  const sandbox = await startSandbox()
  t.after(() => sandbox.close())
  const env = parseEnv(await textOf('deploy/compose/sandbox.env'))
  assert.equal(env['SALESFORCE_ORG_ID'], sandbox.orgId)
  assert.equal(env['SALESFORCE_CLIENT_ID'], sandbox.clientId)
  assert.equal(env['SALESFORCE_CLIENT_SECRET'], sandbox.clientSecret)

  const passedOn = Object.keys(services['worker']?.environment ?? {})
  const settings = Object.entries(env).filter(([name]) => passedOn.includes(name))
  const config = await loadConfig(
    {
      ...Object.fromEntries(settings),
      REDIS_URL: 'redis://:password@redis:6379',
      EXPUNGE_CONFIG: path('deploy/compose/config/expunge.yaml'),
    },
    { redis: 'required', salesforce: 'required' },
  )
  assert.deepEqual(config.warnings, [])
  assert.equal(config.http.keys, '/run/secrets/producer/keys.yaml')
  const port = new URL(env['SALESFORCE_LOGIN_URL'] ?? '').port
  assert.ok(services['sandbox']?.command?.includes(port))
  const relay = await textOf('deploy/compose/config/sandbox-relay.mjs')
  assert.match(relay, new RegExp(`^const PORT = ${port}$`, 'm'))
})
