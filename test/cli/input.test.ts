import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { UsageError } from '../../src/cli/cli.ts'
import type { DeletionFlags } from '../../src/cli/commands.ts'
import { originsOf, readInput, rootsOf } from '../../src/cli/input.ts'
import { toRequest } from '../../src/cli/request.ts'
import { RefusedError } from '../../src/shared/base/errors.ts'

const TERMS = {
  org: 'default',
  approval: 'required',
  coalesce: false,
  acceptUnchecked: false,
} as const

async function folder(t: TestContext): Promise<string> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'expunge-input-')))
  t.after(() => rm(path, { recursive: true }))
  return path
}

const read = (flags: Partial<DeletionFlags>) =>
  readInput({ object: 'Contact', ...flags }, process.stdin)

const refusal = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof UsageError, String(error))
  assert.match(error.message, pattern)
  return true
}

test('exactly one source is expected', async () => {
  await assert.rejects(
    read({}),
    refusal(/one of --csv, --ids, --url, --soql and --source, got none/),
  )
  await assert.rejects(read({ csv: 'a', ids: 'b' }), refusal(/got several/))
  await assert.rejects(
    read({ ids: 'b', column: 'Id' }),
    refusal(/--column requires --csv or --url/),
  )
})

test('--url names a list to download, and its query is not shown', async () => {
  const url = 'https://files.example.com/ids.csv?signature=hunter2'
  const input = await read({ url, column: 'Contact ID' })
  assert.deepEqual(input, {
    kind: 'source',
    name: 'https://files.example.com/ids.csv?***',
    source: { type: 'http', url, column: 'Contact ID' },
  })
  assert.deepEqual(originsOf(input), ['https://files.example.com'])
  assert.deepEqual(originsOf(await read({ ids: '0035g00001AAAAA' })), [])
  for (const wrong of ['ids.csv', 'ftp://files.example.com', 'https://me:hunter2@files.example']) {
    await assert.rejects(read({ url: wrong }), refusal(/^--url: expected a URL [^2]*$/))
  }
})

test('a query names its object, unless another is given', async () => {
  const soql = 'SELECT Id FROM Lead'
  const object = async (flags: Partial<DeletionFlags>) => {
    const input = await readInput(flags, process.stdin)
    return toRequest(flags, input, { ...TERMS, fileSeenByPlanner: true }).object
  }
  assert.equal(await object({ soql }), 'Lead')
  assert.equal(await object({ source: JSON.stringify({ type: 'soql', query: soql }) }), 'Lead')
  await assert.rejects(object({ soql, object: 'Contact' }), /expected a query FROM Contact/)
  await assert.rejects(object({ ids: 'x' }), refusal(/Expected --object <name>/))
  await assert.rejects(object({ source: '{"type":"ids","ids":[]}' }), refusal(/Expected --object/))
})

test('a path that cannot be read is named', async (t) => {
  const path = await folder(t)
  await assert.rejects(read({ csv: join(path, 'no.csv') }), refusal(/no\.csv does not exist/))
  await assert.rejects(read({ csv: path }), refusal(/is a directory/))
  const file = join(path, 'secret.csv')
  await writeFile(file, 'Id\n')
  await assert.rejects(read({ csv: join(file, 'x') }), refusal(/does not exist/))
  await chmod(file, 0o000)
  // Whoever runs the tests as root may read everything.
  if (process.getuid?.() !== 0)
    await assert.rejects(read({ csv: file }), refusal(/may not be read/))
})

test('a file is known by its real path, whichever way it was named', async (t) => {
  const path = await folder(t)
  await writeFile(join(path, 'ids.csv'), 'Id\n')
  await symlink(join(path, 'ids.csv'), join(path, 'link.csv'))
  const input = await read({ csv: join(path, 'link.csv') })
  assert.deepEqual(input, {
    kind: 'file',
    name: join(path, 'link.csv'),
    path: join(path, 'ids.csv'),
  })
  assert.deepEqual(rootsOf(input), [path])
  const seen = { ...TERMS, fileSeenByPlanner: true }
  const flags = { object: 'Contact', column: 'Contact ID' }
  assert.deepEqual(toRequest(flags, input, seen).source, {
    type: 'file',
    path: join(path, 'ids.csv'),
    column: 'Contact ID',
  })
  const unseen = { ...TERMS, fileSeenByPlanner: false }
  assert.deepEqual(toRequest({ object: 'Contact' }, input, unseen).source, { type: 'upload' })
})

test('stdin and pipes with a name are read once, as uploads', async (t) => {
  assert.equal((await read({ csv: '-' })).kind, 'stream')
  const pipe = join(await folder(t), 'pipe')
  execFileSync('mkfifo', [pipe])
  const input = await read({ csv: pipe })
  assert.equal(input.kind, 'stream')
  assert.deepEqual(rootsOf(input), [])
})

test('a list may be written with commas and blanks', async () => {
  const input = await read({ ids: ' 0035g00001AAAAA,0035g00001AAAAB ,\n0035g00001AAAAC,' })
  assert.deepEqual(input, {
    kind: 'source',
    name: '--ids',
    source: { type: 'ids', ids: ['0035g00001AAAAA', '0035g00001AAAAB', '0035g00001AAAAC'] },
  })
  await assert.rejects(read({ ids: ' , ' }), refusal(/--ids: expected record ids/))
})

test('--source is a source of the deletion request', async () => {
  const input = await read({ source: '{"type":"file","path":"/data/ids.csv"}' })
  assert.deepEqual(rootsOf(input), ['/data'])
  const near = await read({ source: '{"type":"file","path":"lists/ids.csv"}' })
  assert.deepEqual(
    rootsOf(near),
    [process.cwd()],
    'where the first root is what a path counts from',
  )
  await assert.rejects(read({ source: '{"type":' }), refusal(/--source: expected JSON/))
  await assert.rejects(read({ source: '["a"]' }), refusal(/--source: expected a JSON object/))
  await assert.rejects(
    read({ source: '{"type":"upload"}' }),
    refusal(/--source: an upload cannot be given as JSON/),
  )
  const unknown = await read({ source: '{"type":"ftp"}' })
  assert.throws(
    () => toRequest({ object: 'Contact' }, unknown, { ...TERMS, fileSeenByPlanner: true }),
    (error) => error instanceof RefusedError && /source/.test(error.message),
  )
})

test('flags become the fields of the request, and nothing is asked for that was not typed', async () => {
  const input = await read({ ids: '0035g00001AAAAA' })
  const terms = { ...TERMS, fileSeenByPlanner: true }
  const request = toRequest(
    {
      object: 'Lead',
      id: 'x-1',
      onInvalid: 'skip',
      maxRecords: 5,
      maxFailureRatio: 0.1,
      deadline: { kind: 'at', at: '2026-12-01T18:00:00.000Z' },
      dryRun: true,
      deletedFile: true,
      hardDelete: true,
      priority: 'high',
      reason: 'Art. 17',
      label: ['ticket=4711'],
    },
    input,
    terms,
  )
  assert.deepEqual(request, {
    id: 'x-1',
    org: 'default',
    object: 'Lead',
    operation: 'hardDelete',
    source: { type: 'ids', ids: ['0035g00001AAAAA'] },
    priority: 'high',
    onInvalid: 'skip',
    onUnchecked: 'refuse',
    maxRecords: 5,
    maxFailureRatio: 0.1,
    dryRun: true,
    deletedFile: true,
    expectCount: null,
    expectSha256: null,
    refuseActive: false,
    approval: 'required',
    coalesce: false,
    deadline: '2026-12-01T18:00:00.000Z',
    reason: 'Art. 17',
    labels: { ticket: '4711' },
    retryOf: null,
    callbackUrl: null,
  })
  const { id: _, ...plain } = toRequest({ object: 'Lead' }, input, terms)
  assert.equal(plain.operation, 'delete')
  assert.equal(plain.onInvalid, 'refuse')
  assert.equal(plain.maxRecords, null)
})

test('--soql names a query of another object, and rows of several lists name only their list', async () => {
  const query = 'SELECT Id FROM Lead'
  await assert.rejects(read({ soql: query }), refusal(/^--soql: expected a query FROM Contact, /))
  assert.equal((await read({ object: 'lead', soql: query })).kind, 'source')
  const held = { type: 'file', path: '/b.csv' }
  const nameOf = async (source: object) => {
    const input = await read({ source: JSON.stringify(source) })
    return input.kind === 'source' ? input.name : null
  }
  assert.equal(await nameOf({ type: 'file', path: '/a.csv' }), '/a.csv')
  assert.equal(await nameOf({ type: 'file', path: '/a.csv', except: held }), '')
})
