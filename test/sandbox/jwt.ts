import { createSign, generateKeyPairSync } from 'node:crypto'

export const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** A signed assertion. */
export function jwt(claims: object, head: object = { alg: 'RS256' }): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part(head)}.${part(claims)}`
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url')}`
}

/** The form that carries it to the token endpoint. */
export const bearer = (assertion: string) => ({
  grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
  assertion,
})
