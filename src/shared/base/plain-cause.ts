/** What the network's error codes mean. */
const CAUSES: Readonly<Record<string, string>> = {
  EAI_AGAIN: 'the host name cannot be looked up at the moment',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was closed',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
  ENOTFOUND: 'the host name does not exist',
  EPIPE: 'the connection was closed',
  EPROTO: 'TLS failed',
  ETIMEDOUT: 'there was no answer in time',
}

const CODE = new RegExp(`\\b(${Object.keys(CAUSES).join('|')})\\b`)

/**
 * A network error in plain words before its own text, as in `the connection was refused (connect
 * ECONNREFUSED 10.0.0.1:443)`. Other texts are unchanged.
 *
 * @param code where the text does not contain it
 */
export function plainCause(text: string, code = CODE.exec(text)?.[1]): string {
  const cause = CAUSES[code ?? '']
  return cause === undefined || text.startsWith(cause) ? text : `${cause} (${text})`
}
