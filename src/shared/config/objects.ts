import type { ConfigProblem } from '../base/errors.ts'
import {
  BUILT_IN_OBJECTS,
  type DeletableObject,
  OBJECT_NAME,
  OBJECT_NAME_FORM,
} from '../contract/objects.ts'
import { Settings, type ValueForm } from './settings.ts'
import type { YamlSection } from './yaml-section.ts'

const PREFIX: ValueForm<string> = {
  expected: 'the three letters or digits that begin every id of the object',
  parse: (text) => (/^[0-9A-Za-z]{3}$/.test(text) ? text : undefined),
}

/**
 * The objects that may be deleted, by API name: the built-in ones and those of the file. A prefix
 * belongs to one object, or an id would not tell what it deletes.
 */
export function readObjects(
  section: YamlSection,
  problems: ConfigProblem[],
): ReadonlyMap<string, DeletableObject> {
  const objects = new Map(BUILT_IN_OBJECTS.map((object) => [object.name, object]))
  for (const [name, entry] of section.sections()) {
    const refuse = (message: string) => problems.push({ setting: section.nameOf(name), message })
    const settings = new Settings([entry], problems)
    const prefix = settings.required('prefix', PREFIX)
    if (!OBJECT_NAME.test(name)) refuse(`expected ${OBJECT_NAME_FORM}.`)
    if (prefix === undefined) continue
    const owner = objects.values().find((object) => object.prefix === prefix)
    if (owner !== undefined && owner.name !== name) {
      refuse(`the prefix ${prefix} belongs to ${owner.name}. One prefix names one object.`)
    }
    const builtIn = objects.get(name)
    if (builtIn !== undefined && builtIn.prefix !== prefix) {
      refuse(`built in, with the prefix ${builtIn.prefix}, which cannot change.`)
    }
    objects.set(name, { name, prefix })
  }
  return objects
}
