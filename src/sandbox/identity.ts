import type { Call } from './call.ts'
import { json, notFound, type Reply } from './reply.ts'

export const USER_NAME = 'Sandbox Integration'

/** Whose tokens they are; the org has no other user. */
export interface Identity {
  /** 18 characters, `00D…` and `005…`. */
  readonly orgId: string
  readonly userId: string
  readonly username: string
}

/** `GET /services/oauth2/userinfo` (OpenID Connect). */
export function userinfo(url: string, { orgId, userId, username }: Identity): Reply {
  return json(200, {
    sub: `${url}/id/${orgId}/${userId}`,
    user_id: userId,
    organization_id: orgId,
    preferred_username: username,
    nickname: 'sandbox',
    name: USER_NAME,
    email: username,
    zoneinfo: 'Europe/London',
    user_type: 'STANDARD',
    active: true,
    urls: urlsOf(url),
  })
}

/** `GET /id/{orgId}/{userId}`: where the `id` of a token answer leads. */
export function identity({ origin: url, route }: Call, owner: Identity): Reply {
  const { orgId, userId, username } = owner
  if (route.orgId !== orgId || route.userId !== userId) notFound()
  return json(200, {
    id: `${url}/id/${orgId}/${userId}`,
    asserted_user: true,
    user_id: userId,
    organization_id: orgId,
    username,
    nick_name: 'sandbox',
    display_name: USER_NAME,
    email: username,
    timezone: 'Europe/London',
    urls: urlsOf(url),
    active: true,
    user_type: 'STANDARD',
    language: 'en_US',
    locale: 'en_US',
  })
}

/** `{version}` is for the client to fill in. */
function urlsOf(url: string): object {
  const rest = `${url}/services/data/v{version}/`
  return { rest, sobjects: `${rest}sobjects/`, query: `${rest}query/`, custom_domain: url }
}
