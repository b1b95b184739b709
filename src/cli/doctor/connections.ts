import type { Config, PostgresConnection } from '../../shared/config/config.ts'
import { probePostgres } from '../../worker/sources/postgres/postgres.ts'
import { answerWithin, type Finding, failed, ok, warn } from './finding.ts'

/** Long enough for a slow network, but too short to wait out an outage. */
const TIMEOUT_MS = 30_000

/** Whether each configured database answers this process. */
export function checkConnections({
  sources,
}: Pick<Config, 'sources'>): Promise<readonly Finding[]> {
  return Promise.all([...sources.connections.values()].map(checkConnection))
}

async function checkConnection(connection: PostgresConnection): Promise<Finding> {
  const check = `PostgreSQL ${connection.name}`
  try {
    const { host, database } = connection.server
    const facts = await probePostgres(connection, answerWithin(TIMEOUT_MS, host))
    const [version] = facts.version.split(' ')
    const found = `${version} at ${host}, database ${database}, as ${facts.user}, ${facts.isEncrypted ? 'with' : 'without'} TLS`
    return facts.isSuperuser
      ? warn(
          check,
          found,
          'A superuser may do anything: use a role that may only read what it needs.',
        )
      : ok(check, found)
  } catch (error) {
    return failed(check, error)
  }
}
