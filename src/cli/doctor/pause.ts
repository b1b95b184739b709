import type { OrgStore } from '../../shared/store/org-store.ts'
import { pauseSentences } from '../render/pause.ts'
import { type Finding, fail, failed, warn } from './finding.ts'

const CHECK = 'Paused'

/** What pauses the org; nothing to say where nothing does. While a fault stands, nothing is deleted. */
export async function checkPause({ org, ledger }: OrgStore): Promise<readonly Finding[]> {
  try {
    const { operator, fault } = await ledger.pauseState()
    return [
      ...pauseSentences(org, { operator, fault: null }).map((found) => warn(CHECK, found, ASK)),
      ...pauseSentences(org, { operator: null, fault }).map((found) => fail(CHECK, found, WAIT)),
    ]
  } catch (error) {
    return [failed(CHECK, error)]
  }
}

const ASK = 'Somebody wanted it so: ask before you resume.'
const WAIT = 'It ends by itself once the org answers again.'
