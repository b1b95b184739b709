import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { after, describe, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { systemClock } from '../../../src/shared/base/clock.ts'
import type { SourcesConfig } from '../../../src/shared/config/config.ts'
import type { Fingerprint } from '../../../src/shared/store/ledger/planning.ts'
import { openHttp } from '../../../src/worker/sources/http.ts'
import type { SourceNotes } from '../../../src/worker/sources/source.ts'
import { selfSigned } from '../../helpers/certificate.ts'
import { leapingClock } from '../../helpers/clock.ts'
import { type HttpObject, serveObject } from '../../helpers/http-object.ts'
import { listenHere } from '../../helpers/http-server.ts'
import { describeSource, readAll } from './conformance.ts'

const MIB = 1024 * 1024

/** One server for all tests; each has a path of its own. */
const listeners = new Map<string, RequestListener>()
const server = createServer((request, response) => {
  const listener = listeners.get(request.url?.replace(/\?.*/, '') ?? '')
  if (listener === undefined) response.writeHead(404).end()
  else listener(request, response)
})
const origin = await listenHere({ after }, server)

function at(listener: RequestListener): string {
  const path = `/list-${listeners.size}`
  listeners.set(path, listener)
  return `${origin}${path}`
}

/** The same object for every request, or another for each. */
function objectAt(object: HttpObject | ((n: number) => HttpObject)) {
  const { listener, heard } = serveObject(typeof object === 'function' ? object : () => object)
  return { url: at(listener), heard }
}

type Settings = Pick<SourcesConfig, 'origins' | 'publicUrls' | 'maxBytes'>

const settingsOf = (settings: Partial<Settings> = {}): Settings => ({
  origins: new Map([[origin, { headers: {} }]]),
  publicUrls: false,
  maxBytes: 64 * MIB,
  ...settings,
})

interface Reading {
  readonly settings?: Partial<Settings>
  readonly pin?: SourceNotes['pin']
  readonly environment?: Parameters<typeof openHttp>[2]
}

const noNotes = { job: async () => null, saveJob: async () => 'saved' as const }

const httpSource = (url: string, { settings, pin, environment }: Reading = {}) => ({
  open: (signal = new AbortController().signal) =>
    openHttp(
      { type: 'http', url },
      {
        settings: settingsOf(settings),
        notes: { ...noNotes, pin: pin ?? (async () => 'same') },
        signal,
      },
      { clock: leapingClock(), ...environment },
    ),
})

const read = (url: string, reading?: Reading) => readAll(httpSource(url, reading))

/** Connections of this process, once those that were just closed are gone. */
async function connections(): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve))
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPWRAP').length
}

const ETAG = '"v1"'
const ids = (length: number, mark = 'a') =>
  Buffer.from(Array.from({ length }, (_, n) => `${mark}${String(n).padStart(6, '0')}\n`).join(''))

describeSource('http', {
  of: async (_, bytes) => httpSource(objectAt({ bytes, etag: ETAG }).url),
  failing: async () => ({
    source: httpSource(objectAt({ bytes: ids(1000), etag: ETAG, cutAfter: 500 }).url),
    error: { code: 'SOURCE_NOT_READABLE' },
  }),
  open: connections,
})

describe('a download is read', () => {
  test('decompressed, whether its encoding is named or only its bytes tell', async () => {
    const bytes = ids(50_000)
    for (const [encoding, compress] of [
      ['gzip', gzipSync],
      ['zstd', zstdCompressSync],
    ] as const) {
      const compressed = compress(bytes)
      for (const object of [{ bytes: compressed, encoding }, { bytes: compressed }]) {
        assert.ok((await read(objectAt(object).url)).equals(bytes))
      }
    }
  })

  test('as it is, without asking for compression on the fly', async () => {
    const { url, heard } = objectAt({ bytes: ids(3) })
    await read(url)
    assert.equal(heard[0]?.['accept-encoding'], 'identity')
  })

  test('with the headers that the configuration has for its origin', async () => {
    const { url, heard } = objectAt({ bytes: ids(3) })
    const origins = new Map([[origin, { headers: { authorization: 'Bearer hunter2' } }]])
    await read(url, { settings: { origins } })
    assert.equal(heard[0]?.authorization, 'Bearer hunter2')
  })

  test('where redirects lead, without the headers of another origin', async (t) => {
    const other = serveObject(() => ({ bytes: ids(3) }))
    const target = await listenHere({ after: (fn) => t.after(fn) }, createServer(other.listener))
    const url = at((_, response) => void response.writeHead(307, { location: target }).end())
    const origins = new Map([
      [origin, { headers: { authorization: 'Bearer hunter2', cookie: 'c=1' } }],
      [target, { headers: { 'x-key': 'other' } }],
    ])
    assert.ok((await read(url, { settings: { origins } })).equals(ids(3)))
    const [heard] = other.heard
    assert.deepEqual(
      [heard?.authorization, heard?.cookie, heard?.['x-key']],
      [undefined, undefined, 'other'],
    )
  })

  test('over TLS, from a host with a valid certificate only', async (t) => {
    const tls = selfSigned('files.example')
    const { listener } = serveObject(() => ({ bytes: ids(3) }))
    const here = await listenHere({ after: (fn) => t.after(fn) }, createTlsServer(tls, listener))
    const url = `https://files.example:${new URL(here).port}/ids.csv`
    const environment = { resolve: async () => [{ address: '127.0.0.1', family: 4 }] }
    const settings = { origins: new Map([[new URL(url).origin, { headers: {} }]]) }
    const unknown = { code: 'SOURCE_NOT_READABLE', message: /SELF_SIGNED.*NODE_EXTRA_CA_CERTS/ }
    await assert.rejects(read(url, { settings, environment }), unknown)
    const authorities = getCACertificates('default')
    t.after(() => setDefaultCACertificates(authorities))
    setDefaultCACertificates([tls.cert])
    assert.ok((await read(url, { settings, environment })).equals(ids(3)))
  })
})

describe('a lost connection', () => {
  const bytes = ids(200_000)

  test('is resumed where it broke, by the ETag', async () => {
    const cuts = [300_000, 500_000]
    const { url, heard } = objectAt((n) => ({ bytes, etag: ETAG, ...cutOf(cuts[n]) }))
    assert.ok((await read(url)).equals(bytes))
    assert.deepEqual(
      heard.map(({ range, 'if-range': validator }) => [range !== undefined, validator]),
      [
        [false, undefined],
        [true, ETAG],
        [true, ETAG],
      ],
    )
  })

  test('is resumed by Last-Modified, if that is old enough to identify the bytes', async () => {
    const old = new Date(Date.now() - 3600_000).toUTCString()
    const fresh = new Date().toUTCString()
    for (const [lastModified, isResumed] of [
      [old, true],
      [fresh, false],
    ] as const) {
      const { url, heard } = objectAt((n) => ({ bytes, lastModified, ...cutOf([300_000][n]) }))
      assert.ok((await read(url)).equals(bytes))
      assert.equal(heard[1]?.['if-range'], isResumed ? lastModified : undefined)
    }
  })

  test('is read from the start if the server has no ranges, giving no byte twice', async () => {
    for (const object of [
      { bytes, etag: ETAG, ranges: false },
      { bytes, etag: 'W/"v1"' },
      { bytes, chunked: true },
    ]) {
      const { url, heard } = objectAt((n) => ({ ...object, ...cutOf([300_000, 900_000][n]) }))
      assert.ok((await read(url)).equals(bytes))
      assert.equal(heard.length, 3)
    }
  })

  test('is read from the start if a range is another than asked for', async () => {
    for (const contentRange of ['bytes 0-9/1600000', 'bytes 5-9/*', undefined]) {
      const plain = serveObject((n) => ({ bytes, etag: ETAG, ...cutOf([300_000][n]) }))
      const url = at((request, response) => {
        if (request.headers.range === undefined) return plain.listener(request, response)
        const range = contentRange === undefined ? {} : { 'content-range': contentRange }
        response.writeHead(206, { etag: ETAG, ...range }).end('0123456789')
      })
      assert.ok((await read(url)).equals(bytes))
    }
  })

  test('is read from the start if a range tells no ETag, or is refused', async () => {
    for (const status of [206, 416]) {
      const plain = serveObject((n) => ({ bytes, etag: ETAG, ...cutOf([300_000][n]) }))
      const url = at((request, response) => {
        const from = /\d+/.exec(request.headers.range ?? '')?.[0]
        if (from === undefined) return plain.listener(request, response)
        const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`
        response
          .writeHead(status, { 'content-range': range })
          .end(ids(200_000, 'z').subarray(+from))
      })
      assert.ok((await read(url)).equals(bytes))
    }
  })

  test('that never comes back is given up on after some tries', async () => {
    const { url, heard } = objectAt({ bytes, etag: ETAG, cutAfter: 100 })
    await assert.rejects(read(url), {
      code: 'SOURCE_NOT_READABLE',
      message: /the connection was lost after 600 bytes, 6 times in a row\.$/,
    })
    assert.equal(heard.length, 6)
  })

  test('does not count against the tries while the download makes progress', async () => {
    const long = ids(1_500_000)
    const { url, heard } = objectAt({ bytes: long, etag: ETAG, cutAfter: 1.1 * MIB })
    assert.ok((await read(url)).equals(long))
    assert.ok(heard.length > 8)
  })

  test('does not join two versions of an object', async () => {
    const changed = { code: 'SOURCE_CHANGED', message: /changed while it was read/ }
    for (const [first, then] of [
      [{ etag: ETAG }, { etag: '"v2"' }],
      [{ etag: ETAG }, { etag: ETAG, bytes: bytes.subarray(0, 900_000), ranges: false }],
      [{}, { bytes: ids(200_000, 'b') }],
      [{ chunked: true }, { chunked: true, bytes: bytes.subarray(0, 1000) }],
    ] as const) {
      const { url } = objectAt((n) =>
        n === 0 ? { bytes, ...first, cutAfter: 5000 } : { bytes, ...then },
      )
      await assert.rejects(read(url), changed)
    }
  })
})

const cutOf = (cutAfter: number | undefined) => (cutAfter === undefined ? {} : { cutAfter })

describe('an error of the server', () => {
  const bytes = ids(3)

  test('that may pass is waited out, as long as Retry-After asks', async () => {
    for (const [status, header, waits] of [
      [500, undefined, [500, 1000]],
      [503, '7', [7000, 7000]],
      [429, '86400', [120_000, 120_000]],
    ] as const) {
      const plain = serveObject(() => ({ bytes }))
      let failures = 0
      const url = at((request, response) => {
        failures += 1
        if (failures > 1) return plain.listener(request, response)
        response.writeHead(status, header === undefined ? {} : { 'retry-after': header }).end()
      })
      const slept: number[] = []
      const clock = { now: () => 0, sleep: async (ms: number) => void slept.push(ms) }
      assert.ok((await read(url, { environment: { clock } })).equals(bytes))
      const [wait = 0] = slept
      assert.ok(slept.length === 1 && wait >= waits[0] && wait <= waits[1], `${slept}`)
    }
  })

  test('that lasts ends the download with its status', async () => {
    const url = at((_, response) => void response.writeHead(500).end('internal'))
    const lasting = { code: 'SOURCE_NOT_READABLE', message: /answered 500, 6 times in a row/ }
    await assert.rejects(read(url), lasting)
  })

  test('that another try would not change ends it at once', async () => {
    for (const [status, code, message] of [
      [404, 'SOURCE_NOT_FOUND', /does not exist: the server answered 404/],
      [410, 'SOURCE_NOT_FOUND', /answered 410/],
      [401, 'SOURCE_NOT_READABLE', /answered 401\..*sources\.origins/],
      [403, 'SOURCE_NOT_READABLE', /signed URL may have expired/],
      [400, 'SOURCE_NOT_READABLE', /answered 400, expected 200/],
      [204, 'SOURCE_NOT_READABLE', /answered 204, expected 200/],
      [206, 'SOURCE_NOT_READABLE', /answered 206, expected 200/],
      [304, 'SOURCE_NOT_READABLE', /answered 304, expected 200/],
    ] as const) {
      let asked = 0
      const url = at((_, response) => {
        asked += 1
        response.writeHead(status).end()
      })
      await assert.rejects(read(`${url}?token=hunter2`), (error) => {
        assert.ok(error instanceof Error && 'code' in error)
        assert.equal(error.code, code)
        assert.match(error.message, message)
        assert.match(error.message, /\?\*\*\* /)
        assert.doesNotMatch(JSON.stringify(error) + error.stack, /hunter2/)
        return true
      })
      assert.equal(asked, 1)
    }
  })

  test('that leaves a body without a recognizable end is told', async () => {
    const url = at((_, { socket }) => {
      socket?.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n0035g00000AbCdEAAV\n')
    })
    await assert.rejects(read(url), { message: /neither Content-Length nor chunks/ })
  })

  test('an encoding that cannot be decoded is told', async () => {
    for (const encoding of ['br', 'deflate', 'gzip, gzip']) {
      const message = new RegExp(`expected Content-Encoding gzip, zstd or none, got ${encoding}`)
      await assert.rejects(read(objectAt({ bytes, encoding }).url), { message })
    }
  })

  test('a stalled body is interrupted, and a reader that waits is no stall', async () => {
    const long = ids(100_000)
    let asked = 0
    const url = at((_, response) => {
      asked += 1
      response.writeHead(200, { 'content-length': long.length })
      if (asked === 1) response.write(long.subarray(0, 100))
      else response.end(long)
    })
    const blocks: Uint8Array[] = []
    // A busy machine may well need 50 ms for an answer.
    for await (const block of httpSource(url, { environment: { stallMs: 400 } }).open()) {
      if (blocks.push(block) === 2) await new Promise((resolve) => setTimeout(resolve, 450))
    }
    assert.ok(blocks.length > 2)
    assert.ok(Buffer.concat(blocks).equals(long))
    assert.equal(asked, 2)
  })
})

describe('a download is not larger than allowed', () => {
  const tooLarge = { name: 'RefusedError', code: 'SOURCE_TOO_LARGE', message: /sources\.maxBytes/ }

  test('by what it announces', async () => {
    const url = at((_, response) => {
      response.writeHead(200, { 'content-length': 10e9 })
      response.write('Id\n')
    })
    await assert.rejects(read(url), tooLarge)
  })

  test('by what it sends', async () => {
    const { url } = objectAt({ bytes: ids(2000), chunked: true })
    await assert.rejects(read(url, { settings: { maxBytes: 15_999 } }), tooLarge)
    assert.equal((await read(url, { settings: { maxBytes: 16_000 } })).length, 16_000)
  })

  test('by what it decompresses to', async () => {
    for (const compress of [gzipSync, zstdCompressSync]) {
      const { url } = objectAt({ bytes: compress(Buffer.alloc(32 * MIB)) })
      await assert.rejects(read(url, { settings: { maxBytes: 8 * MIB } }), tooLarge)
    }
  })
})

describe('an address is not read', () => {
  const notAllowed = { name: 'RefusedError', code: 'SOURCE_NOT_ALLOWED' }
  const nowhere = { origins: new Map() }
  const anywhere = { ...nowhere, publicUrls: true }

  test('if its origin is not listed', async () => {
    const { url, heard } = objectAt({ bytes: ids(3) })
    for (const settings of [
      nowhere,
      { origins: new Map([['https://a.example', { headers: {} }]]) },
    ]) {
      await assert.rejects(read(url, { settings }), { ...notAllowed, message: /sources\.origins/ })
    }
    assert.equal(heard.length, 0)
  })

  test('if it is private, whatever its notation, even if every public URL is allowed', async () => {
    for (const host of [
      '127.0.0.1',
      '0',
      '169.254.169.254',
      '10.0.0.1',
      '[::ffff:7f00:1]',
      '[64:ff9b::7f00:1]',
      '[fd00::1]',
    ]) {
      const message = /public internet.*sources\.origins/
      await assert.rejects(read(`https://${host}/`, { settings: anywhere }), {
        ...notAllowed,
        message,
      })
    }
    await assert.rejects(read('http://files.example/', { settings: anywhere }), {
      ...notAllowed,
      message: /expected https, got http/,
    })
  })

  test('if its name leads to a private address, now or at a later look-up', async () => {
    for (const answers of [['10.0.0.1'], ['93.184.215.14', '127.0.0.1']]) {
      const resolve = async () => answers.map((address) => ({ address, family: 4 }))
      const reading = read('https://files.example/', {
        settings: anywhere,
        environment: { resolve },
      })
      await assert.rejects(reading, notAllowed)
    }
  })

  test('if a redirect leads to it', async () => {
    for (const [location, message] of [
      ['http://127.0.0.1:1/', /^Redirect from http:\S+\/\S* to 127\.0\.0\.1: expected https/],
      ['https://127.0.0.1/', /public internet/],
      ['https://169.254.169.254/latest/meta-data', /public internet/],
      ['https://me:hunter2@files.example/', /without user and password/],
      ['file:///etc/passwd', /a URL without a host: expected https, got file/],
    ] as const) {
      const url = at((_, response) => void response.writeHead(302, { location }).end())
      await assert.rejects(read(url), { ...notAllowed, message })
    }
  })

  test('if redirects go on and on, or nowhere', async () => {
    const loop = at((request, response) => {
      response.writeHead(302, { location: request.url ?? '' }).end()
    })
    await assert.rejects(read(loop), { message: /more than 5 redirects/ })
    for (const headers of [{}, { location: 'http://[' }]) {
      const url = at((_, response) => void response.writeHead(302, headers).end())
      await assert.rejects(read(url), { message: /answered 302 without a valid Location/ })
    }
  })
})

describe('a download is the same for every attempt to plan it', () => {
  const pinning = () => {
    const pinned: [string, Fingerprint][] = []
    const pin: SourceNotes['pin'] = async (note, found) => {
      pinned.push([note, found])
      return 'same'
    }
    return { pin, pinned }
  }

  test('by its ETag, or else by Last-Modified and size, and by its digest at the end', async () => {
    const bytes = Buffer.from('Id\n')
    const lastModified = 'Sun, 06 Nov 1994 08:49:37 GMT'
    for (const [object, seen] of [
      [{ etag: ETAG, lastModified }, { etag: ETAG }],
      [
        { etag: 'W/"v1"', lastModified },
        { lastModified, bytes: 3 },
      ],
      [{}, undefined],
    ] as const) {
      const { pin, pinned } = pinning()
      await read(objectAt({ bytes, ...object }).url, { pin })
      assert.deepEqual(pinned.find(([note]) => note === 'seen')?.[1], seen)
      const content = { bytes: 3, sha256: hash('sha256', bytes) }
      assert.deepEqual(pinned.at(-1), ['content', content])
    }
  })

  test('else it is refused, before or after its bytes are read', async () => {
    for (const other of ['seen', 'content']) {
      const { url } = objectAt({ bytes: ids(3), etag: ETAG })
      const pin: SourceNotes['pin'] = async (note) => (note === other ? 'other' : 'same')
      await assert.rejects(read(url, { pin }), { code: 'SOURCE_CHANGED', message: /first attempt/ })
    }
  })
})

test('an abort is heard at once, while it connects, waits or reads', async () => {
  const silent = at(() => {})
  const failing = at((_, response) => void response.writeHead(503, { 'retry-after': '60' }).end())
  const stalled = at((_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('Id\n')
  })
  for (const url of [silent, failing, stalled]) {
    const abort = new AbortController()
    const reason = new Error('told to stop')
    const reading = async () => {
      for await (const _ of httpSource(url, { environment: { clock: systemClock } }).open(
        abort.signal,
      ));
    }
    setTimeout(() => abort.abort(reason), 30)
    await assert.rejects(reading(), (error) => error === reason)
  }
})
