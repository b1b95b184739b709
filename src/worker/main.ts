import { ExpungeError } from '../shared/base/errors.ts'
import { runService, type ServiceHost } from '../shared/telemetry/service.ts'
import { startWorker } from './worker.ts'

/** The work for every org has stopped. An operator has to act. */
class HaltedError extends ExpungeError {
  readonly code = 'HALTED'
}

/**
 * The worker process. Runs until a stop signal, then hands over its current jobs.
 *
 * @param options.orgs the orgs of the configuration to work for; all by default
 * @throws ConfigError, IdentityError and others before it starts work
 */
export async function runWorkerProcess(
  host: ServiceHost,
  { version, orgs }: { readonly version: string; readonly orgs?: readonly string[] | undefined },
): Promise<void> {
  const options = { role: 'worker', version, salesforce: 'required', orgs } as const
  await runService(host, options, async (service) => {
    const { log, opened } = service
    let ready = async (): Promise<string | null> => 'not logged in to any org yet'
    let gaps = (): readonly string[] => []
    await service.serveStatus(
      () => ready(),
      () => gaps(),
    )
    const worker = await startWorker(service, service.signal)
    opened.defer(() => worker.stop())
    ready = () => worker.ready()
    gaps = () => [...worker.troubles].map(([org, trouble]) => `not working for ${org}: ${trouble}`)
    log.info({ orgs: [...worker.orgs.keys()] }, 'Worker started.')
    const halted = worker.halted.then((reason) => Promise.reject(new HaltedError(reason)))
    await Promise.race([service.stopRequested, halted])
    const active = [...worker.orgs.values()].reduce((sum, org) => sum + org.active, 0)
    log.info({ active }, 'Handing over the current jobs.')
  })
}
