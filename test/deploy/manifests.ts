import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'

/** The files of the deployment, as far as tests look at them. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export const KUBERNETES = 'deploy/kubernetes'

export function textOf(path: string): Promise<string> {
  return readFile(join(ROOT, path), 'utf8')
}

/** `<<` merges, as compose and kustomize do it. */
export async function yamlOf(path: string): Promise<unknown> {
  return parse(await textOf(path), { merge: true })
}

const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
})
export type KubernetesObject = z.output<typeof objectSchema>

const listSchema = z.object({
  resources: z.array(z.string()).default([]),
  components: z.array(z.string()).default([]),
})

/** What kustomize would read for a folder: its objects, and those of the folders that it names. */
export async function objectsOf(folder: string): Promise<readonly KubernetesObject[]> {
  const list = listSchema.parse(await yamlOf(join(folder, 'kustomization.yaml')))
  const found = [...list.resources, ...list.components].map(async (name) => {
    const path = join(folder, name)
    if (!path.endsWith('.yaml')) return objectsOf(path)
    const documents = parseAllDocuments(await textOf(path), { merge: true })
    return documents.map((document) => objectSchema.parse(document.toJS()))
  })
  return (await Promise.all(found)).flat()
}

/** Every file of the manifests, so that none is left over that nothing names. */
export async function manifestFiles(): Promise<readonly string[]> {
  const entries = await readdir(join(ROOT, KUBERNETES), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(ROOT.length))
}
