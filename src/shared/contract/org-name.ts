/** The org of requests that name none. */
export const DEFAULT_ORG = 'default'
export const ORG_NAME = /^[A-Za-z0-9_-]{1,64}$/
