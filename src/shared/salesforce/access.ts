import { z } from 'zod'
import { SalesforceError } from './errors.ts'
import type { Http } from './http.ts'

/** What the user of the login may do: read-only questions of `doctor`, and of plans about objects. */

interface DescribedObject {
  /** As Salesforce spells it. */
  readonly name: string
  /** The first three characters of its ids; null for objects without. */
  readonly keyPrefix: string | null
  /** Whether the user may delete its records. */
  readonly deletable: boolean
}

const description = z.object({
  name: z.string(),
  // Decides which ids are sent for deletion. Anything shorter would let others pass.
  keyPrefix: z
    .string()
    .regex(/^[A-Za-z0-9]{3}$/)
    .nullish(),
  deletable: z.boolean(),
})

const permissions = z.object({
  records: z.array(z.object({ PermissionsBulkApiHardDelete: z.boolean() })).max(1),
})

const HARD_DELETE = 'SELECT PermissionsBulkApiHardDelete FROM UserPermissionAccess'

/** Each call throws SalesforceError if it fails. */
export function accessApi(http: Http) {
  return {
    /** The object as the user sees it (sObject Describe); null if it does not see it. */
    async describe(object: string, signal?: AbortSignal): Promise<DescribedObject | null> {
      const path = `sobjects/${encodeURIComponent(object)}/describe`
      const call = { operation: 'describe', method: 'GET', path, signal } as const
      try {
        const { name, keyPrefix, deletable } = await http.json(call, description)
        return { name, keyPrefix: keyPrefix ?? null, deletable }
      } catch (error) {
        // Another 404, such as a page of a proxy, does not come from the API.
        const isUnknown = error instanceof SalesforceError && error.httpStatus === 404
        if (isUnknown && error.code === 'NOT_FOUND') return null
        throw error
      }
    },
    /** Whether the user has "Bulk API Hard Delete"; null if the org does not tell. */
    async mayHardDelete(signal?: AbortSignal): Promise<boolean | null> {
      const path = `query?q=${encodeURIComponent(HARD_DELETE)}`
      const call = { operation: 'permissions', method: 'GET', path, signal } as const
      try {
        const [own] = (await http.json(call, permissions)).records
        return own?.PermissionsBulkApiHardDelete ?? null
      } catch (error) {
        // The field or the object is not there, or not for this user.
        if (error instanceof SalesforceError && error.kind === 'unexpected') return null
        throw error
      }
    },
    /** Lists a job, which proves that Bulk API 2.0 answers this user. */
    async bulkApi(signal?: AbortSignal): Promise<void> {
      const path = 'jobs/ingest?jobType=V2Ingest'
      const call = { operation: 'list', method: 'GET', path, signal } as const
      await http.json(call, z.object({ records: z.array(z.unknown()) }))
    },
  }
}
