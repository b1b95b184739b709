// One generator: makes a client of the document, bundles it, and submits with it.
//
//   node client.js NAME URL ORG RECORD_ID...
import { execFileSync } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { argv, execPath } from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const [name = '', url = '', org = '', ...ids] = argv.slice(2)
const home = fileURLToPath(new URL('.', import.meta.url))
// Below node_modules, where what is generated finds its runtime and nobody looks for sources.
const folder = join(home, 'node_modules', '.generated', name)
const document = join(folder, 'openapi.json')
const out = join(folder, 'out')

const json = (id) => ({ id, object: 'Contact', source: { type: 'ids', ids }, dryRun: true })
const query = (id) => ({ id, org, object: 'Contact', dryRun: true })
const csv = `Id\n${ids.join('\n')}\n`

/** How each is called, what it writes, and its three calls: submit JSON, upload a CSV, look at it. */
const CLIENTS = {
  'swagger-typescript-api': {
    run: [
      'swagger-typescript-api/dist/cli.mjs',
      'generate',
      '-p',
      document,
      '-o',
      out,
      '-n',
      'api.ts',
    ],
    entry: 'api.ts',
    calls: async ({ Api }) => {
      const { v1 } = new Api({ baseUrl: url })
      return [
        await v1.submitDeletionRequest(json('sta-1'), { org }),
        await v1.uploadDeletionRequest(query('sta-2'), csv),
        await v1.getDeletionRequest('sta-2', { org }),
      ].map(({ status }) => status)
    },
  },
  '@hey-api/openapi-ts': {
    run: [
      '@hey-api/openapi-ts/bin/run.js',
      '-i',
      document,
      '-o',
      out,
      '-p',
      '@hey-api/typescript',
      '@hey-api/sdk',
      '@hey-api/client-fetch',
    ],
    entry: 'sdk.gen.ts',
    calls: async (sdk) => {
      const { createClient } = await bundled('client/client.gen.ts')
      const client = createClient({ baseUrl: url })
      return [
        await sdk.submitDeletionRequest({ client, query: { org }, body: json('hey-1') }),
        await sdk.uploadDeletionRequest({ client, query: query('hey-2'), body: csv }),
        await sdk.getDeletionRequest({ client, query: { org }, path: { id: 'hey-2' } }),
      ].map(({ response }) => response.status)
    },
  },
  orval: {
    run: [
      'orval/dist/bin/orval.mjs',
      '--input',
      document,
      '--output',
      join(out, 'api.ts'),
      '--client',
      'fetch',
    ],
    entry: 'api.ts',
    calls: async (api) => {
      // Its paths have no host.
      const { fetch } = globalThis
      globalThis.fetch = (path, options) =>
        fetch(new URL(new URL(path, url).pathname + new URL(path, url).search, url), options)
      return [
        await api.submitDeletionRequest(json('orval-1'), { org }),
        await api.uploadDeletionRequest(csv, query('orval-2')),
        await api.getDeletionRequest('orval-2', { org }),
      ].map(({ status }) => status)
    },
  },
  oazapfts: {
    run: ['oazapfts/dist/cli.js', document, join(out, 'api.ts')],
    entry: 'api.ts',
    calls: async (api) => {
      api.defaults.baseUrl = url
      return [
        await api.submitDeletionRequest(json('oazapfts-1'), { org }),
        await api.uploadDeletionRequest('Contact', csv, query('oazapfts-2')),
        await api.getDeletionRequest('oazapfts-2', { org }),
      ].map(({ status }) => status)
    },
  },
  'openapi-typescript-codegen': {
    run: ['openapi-typescript-codegen/bin/index.js', '-i', document, '-o', out, '--useOptions'],
    entry: 'index.ts',
    calls: async ({ OpenAPI, DeletionRequestsService: service }) => {
      OpenAPI.BASE = url
      return [
        await service.submitDeletionRequest({ requestBody: json('otc-1'), org }),
        await service.uploadDeletionRequest({ ...query('otc-2'), requestBody: csv }),
        await service.getDeletionRequest({ id: 'otc-2', org }),
      ].map(({ request }) => (request.object === 'Contact' ? 'taken' : 'lost'))
    },
  },
  'openapi-typescript': {
    run: ['openapi-typescript/bin/cli.js', document, '-o', join(out, 'api.ts')],
    entry: 'api.ts',
    calls: async () => {
      const { default: createClient } = await import('openapi-fetch')
      const { GET, POST } = createClient({ baseUrl: url })
      const path = '/v1/deletion-requests'
      const asText = { bodySerializer: (body) => body, headers: { 'Content-Type': 'text/csv' } }
      return [
        await POST(path, { params: { query: { org } }, body: json('ot-1') }),
        await POST(`${path}/csv`, { params: { query: query('ot-2') }, body: csv, ...asText }),
        await GET(`${path}/{id}`, { params: { path: { id: 'ot-2' }, query: { org } } }),
      ].map(({ response }) => response.status)
    },
  },
  'swagger-client': {
    calls: async () => {
      const { default: createClient } = await import('swagger-client')
      const spec = { ...JSON.parse(await described()), servers: [{ url }] }
      const { apis } = await createClient({ spec })
      const api = apis['Deletion requests']
      return [
        await api.submitDeletionRequest({ org }, { requestBody: json('sc-1') }),
        await api.uploadDeletionRequest(query('sc-2'), { requestBody: csv }),
        await api.getDeletionRequest({ id: 'sc-2', org }),
      ].map(({ status }) => status)
    },
  },
  '@scalar/openapi-parser': {
    calls: async () => {
      const { validate } = await import('@scalar/openapi-parser')
      const { valid, errors } = await validate(await described())
      return valid ? ['valid'] : errors
    },
  },
  '@apidevtools/swagger-parser': {
    calls: async () => {
      const { default: parser } = await import('@apidevtools/swagger-parser')
      await parser.validate(document)
      return ['valid']
    },
  },
  '@readme/openapi-parser': {
    calls: async () => {
      const { validate } = await import('@readme/openapi-parser')
      const { valid, errors = [] } = await validate(document)
      return valid ? ['valid'] : errors
    },
  },
}

async function described() {
  const answer = await fetch(`${url}/openapi.json`)
  return answer.text()
}

async function bundled(file) {
  const outfile = join(folder, `${file.replaceAll('/', '-')}.mjs`)
  const options = { bundle: true, format: 'esm', platform: 'node', logLevel: 'error' }
  await build({ entryPoints: [join(out, file)], outfile, ...options })
  return import(pathToFileURL(outfile).href)
}

async function tried({ run, entry, calls }) {
  if (run === undefined) return calls()
  const [script, ...args] = run
  execFileSync(execPath, [join(home, 'node_modules', script), ...args], {
    cwd: folder,
    stdio: 'pipe',
  })
  const strict = [
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--target',
    'es2022',
    '--lib',
    'es2022,dom,dom.iterable',
  ]
  const modules = ['--module', 'esnext', '--moduleResolution', 'bundler']
  const compiler = join(home, 'node_modules/typescript/bin/tsc')
  execFileSync(execPath, [compiler, ...strict, ...modules, join(out, entry)], {
    cwd: folder,
    stdio: 'pipe',
  })
  return calls(await bundled(entry))
}

if (name === '') {
  console.log(JSON.stringify(Object.keys(CLIENTS)))
} else {
  await rm(folder, { recursive: true, force: true })
  await mkdir(out, { recursive: true })
  await writeFile(document, await described())
  const result = await tried(CLIENTS[name]).catch((error) => [
    String(error.stdout || error.message || JSON.stringify(error.error)),
  ])
  console.log(result.join(', '))
}
