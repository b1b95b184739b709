import type { Cli } from '../cli.ts'
import { EXIT, type ExitCode, UsageError } from '../exit.ts'
import { requestTable } from '../render/request.ts'
import type { StatusFlags } from '../status.ts'
import { visit } from './visit.ts'

/** @throws UsageError where there is no such request */
export function status(id: string, flags: StatusFlags, cli: Cli): Promise<ExitCode> {
  const { screen } = cli
  return visit(cli, flags.org, async (place, home) => {
    const view = place === null ? null : await place.producer.inspect(id, { org: place.org })
    if (view === null) {
      const where =
        place === null
          ? `${home} has never had one, and REDIS_URL is not set`
          : `org "${place.org}" knows none of that id (any more)`
      throw new UsageError(`No request ${id}: ${where}. See \`expunge list\`.`)
    }
    screen.answer(
      flags.json ? JSON.stringify(view, null, 2) : requestTable(view, screen.paintAnswer),
    )
    return EXIT.ok
  })
}
