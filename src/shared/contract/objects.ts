/**
 * The objects that Expunge deletes, each with its key prefix, the first three characters of its ids.
 * The five built-in objects are those of Salesforce's page on bulk deletion in Marketing Cloud Growth.
 * Others are added by configuration.
 */
export interface DeletableObject {
  /** API name, as Salesforce spells it. */
  readonly name: string
  /**
   * Key prefix: the first three characters of every id of the object. Empty in settings that leave
   * it to the org.
   */
  readonly prefix: string
}

/** The form of an object's API name, custom objects (`Invoice__c`) and those of packages included. */
export const OBJECT_NAME = /^[A-Za-z][A-Za-z0-9_]{0,79}$/
export const OBJECT_NAME_FORM =
  'the API name of an object: 1 to 80 letters, digits and "_", the first a letter'

export const BUILT_IN_OBJECTS: readonly DeletableObject[] = [
  { name: 'Contact', prefix: '003' },
  { name: 'Lead', prefix: '00Q' },
  { name: 'Campaign', prefix: '701' },
  { name: 'MarketSegment', prefix: '1sg' },
  { name: 'FlowRecord', prefix: '2aF' },
]

/** The built-in objects have the same prefix in every org, so no org is asked about them. */
export const isBuiltIn = (name: string): boolean =>
  BUILT_IN_OBJECTS.some((object) => object.name === name)
