import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { RedisTls } from '../store/redis/place.ts'
import type { RedisConfig } from '../store/redis/redis.ts'
import { HOST } from './network.ts'
import type { Settings, ValueForm } from './settings.ts'

const CERTIFICATES: ValueForm<string> = {
  expected: 'one certificate or more, as PEM',
  parse: (text) => {
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
    return blocks.length > 0 && blocks.every(isCertificate) ? text : undefined
  },
}

const KEY: ValueForm<string> = {
  expected: 'a private key as PEM, without passphrase',
  parse: (text) => (isUsable({ key: text }) ? text : undefined),
}

/** How the server proves itself, and we to it, where the defaults will not do; null: they will. */
export async function readRedisTls(settings: Settings): Promise<RedisTls | null> {
  const [ca, cert, key] = [
    await settings.secret('ca', CERTIFICATES),
    await settings.secret('cert', CERTIFICATES),
    await settings.secret('key', KEY),
  ]
  const servername = settings.parsed('servername', HOST)
  const given = settings.namesOf(...KEYS)
  if (given.length === 0) return null
  const pair = settings.namesOf('cert', 'certFile', 'key', 'keyFile')
  if (pair.length === 1) {
    settings.refuse(pair.join(), 'given alone; expected a certificate and its key, or neither.')
  }
  if (cert !== undefined && key !== undefined && !isUsable({ cert, key })) {
    settings.refuse(
      pair.join(' and '),
      'expected a certificate and its key, got two that do not match.',
    )
  }
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
  }
}

const KEYS = ['ca', 'caFile', 'cert', 'certFile', 'key', 'keyFile', 'servername']

/** The same Redis with these settings. They are a problem where the connection is not encrypted. */
export function withTls(redis: RedisConfig, tls: RedisTls, settings: Settings): RedisConfig {
  const isEncrypted =
    redis.kind === 'url' ? /^rediss:/i.test(redis.url) : redis.kind !== 'socket' && redis.tls
  if (!isEncrypted || redis.kind === 'socket') {
    const names = settings.namesOf(...KEYS).join(' and ')
    const instead =
      redis.kind === 'url' ? 'Write rediss:// in the URL' : 'Set tls: true beside the nodes'
    settings.refuse(names, `given, but the connection to Redis is not encrypted. ${instead}.`)
    return redis
  }
  return { ...redis, tls }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).serialNumber !== ''
  } catch {
    return false
  }
}

function isUsable(parts: RedisTls): boolean {
  try {
    createSecureContext(parts)
    return true
  } catch {
    return false
  }
}
