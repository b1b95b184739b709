import { createHash, createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

interface Key {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** `AWS4-HMAC-SHA256 Credential=…/20260102/eu-central-1/s3/aws4_request, SignedHeaders=…, Signature=…` */
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/((\d{8})\/([^/]+)\/s3\/aws4_request), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/

/** How S3 refuses a request by its signature. */
type SignatureFault =
  | 'AccessDenied'
  | 'InvalidAccessKeyId'
  | 'wrong region'
  | 'SignatureDoesNotMatch'

/**
 * What is wrong with the signature of a request, of AWS's version 4 in the `Authorization` header;
 * null if nothing is.
 */
export function faultOfSignature(
  request: IncomingMessage,
  key: Key,
  region: string,
): SignatureFault | null {
  const [, id, scope = '', date = '', signedRegion, names = '', signature] =
    AUTHORIZATION.exec(request.headers.authorization ?? '') ?? []
  if (signature === undefined) return 'AccessDenied'
  if (id !== key.accessKeyId) return 'InvalidAccessKeyId'
  if (signedRegion !== region) return 'wrong region'
  const canonical = sha256(canonicalRequest(request, names.split(';')))
  const text = ['AWS4-HMAC-SHA256', header(request, 'x-amz-date'), scope, canonical].join('\n')
  const signingKey = [date, region, 's3', 'aws4_request'].reduce<string | Buffer>(
    hmac,
    `AWS4${key.secretAccessKey}`,
  )
  return hmac(signingKey, text).toString('hex') === signature ? null : 'SignatureDoesNotMatch'
}

function canonicalRequest(request: IncomingMessage, names: readonly string[]): string {
  const [path, query = ''] = (request.url ?? '').split('?')
  const parameters = query.split('&').map((one) => (one.includes('=') ? one : `${one}=`))
  return [
    request.method,
    path,
    query === '' ? '' : parameters.sort().join('&'),
    ...names.map((name) => `${name}:${header(request, name).trim().replace(/ +/g, ' ')}`),
    '',
    names.join(';'),
    header(request, 'x-amz-content-sha256'),
  ].join('\n')
}

const header = ({ headers }: IncomingMessage, name: string) => String(headers[name] ?? '')
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
