import type { RequestView } from '../../producer/producer.ts'
import type { Config } from '../../shared/config/config.ts'
import type { StoredRequest } from '../../shared/contract/request.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'
import type { RunningWorker } from '../../worker/worker.ts'
import type { Cli, catchInterrupts } from '../cli.ts'
import type { Flags } from '../commands.ts'
import type { Followed } from '../follow.ts'
import type { Input } from '../input.ts'
import type { CommandRedis } from '../redis.ts'
import type { logIn } from './login.ts'

/** A run with everything that it needs. */
export interface RunSession extends Followed {
  readonly flags: Pick<Flags<'run'>, 'acceptUnchecked' | 'json' | 'results' | 'yes'>
  readonly cli: Cli
  readonly input: Input
  readonly config: Config
  readonly redis: CommandRedis
  readonly store: OrgStore
  /** The org before anything is done to it. */
  readonly facts: Awaited<ReturnType<typeof logIn>>
  /** The command that continues it after an interruption. */
  readonly resumeCommand: string
  readonly request: Pick<StoredRequest, 'id' | 'org'>
  /** Its state at submission: new, or known from before. */
  readonly submitted: RequestView
  /** Whether its plan was shown before, to be approved. */
  readonly isPlanShown?: boolean
  readonly interrupts: ReturnType<typeof catchInterrupts>
  /** Aborted if the embedded server stops and is not restarted; `signal` also aborts on interrupts. */
  readonly lost: AbortSignal
  readonly worker: RunningWorker
  /** Starts another worker after the first was stopped. */
  startWorker(signal: AbortSignal): Promise<RunningWorker>
  readonly startedAt: number
}
