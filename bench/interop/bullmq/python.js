/**
 * What the Python package writes: the Lua scripts are the same files as in the package for Node, so
 * what can differ is what they are given. Here it is packed as Python packs it: eight arguments, options
 * under their whole names with `attempts` and `delay` always there, job ids that nobody checks.
 */
export function connectionOf(url) {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port) }
}

export function pythonQueue(require, name, prefix, connection) {
  const Redis = require('ioredis')
  const { Packr } = require('msgpackr')
  const { addStandardJob } = require('bullmq6/dist/cjs/scripts/addStandardJob-9.js')
  const { addDelayedJob } = require('bullmq6/dist/cjs/scripts/addDelayedJob-6.js')
  const { addPrioritizedJob } = require('bullmq6/dist/cjs/scripts/addPrioritizedJob-9.js')
  const { Queue } = require('bullmq6')
  const redis = new Redis(connection)
  const reader = new Queue(name, { connection, prefix })
  const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true })
  const keysOf = (...parts) => parts.map((part) => `${prefix}:${name}:${part}`)

  function scriptOf({ delay, priority }) {
    if (delay) {
      const keys = keysOf('marker', 'meta', 'id', 'delayed', 'completed', 'events')
      return [addDelayedJob, keys]
    }
    if (priority) {
      const parts = ['marker', 'meta', 'id', 'prioritized', 'delayed', 'completed', 'active']
      return [addPrioritizedJob, keysOf(...parts, 'events', 'pc')]
    }
    const parts = ['wait', 'paused', 'meta', 'id', 'completed', 'delayed', 'active', 'events']
    return [addStandardJob, keysOf(...parts, 'marker')]
  }

  async function add(jobName, data, options = {}) {
    const opts = { attempts: 0, delay: 0, ...options, backoff: null }
    const timestamp = Date.now()
    const { jobId = '' } = options
    const args = [`${prefix}:${name}:`, String(jobId), jobName, timestamp, null, null, null, null]
    // json.dumps with its default writes other characters as escapes.
    const json = JSON.stringify(data).replace(/[\u0080-\uffff]/g, (character) => {
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
    })
    const [{ content, keys: count }, keys] = scriptOf(opts)
    const id = await redis.eval(content, count, ...keys, packr.pack(args), json, packr.pack(opts))
    return { id }
  }

  return {
    add,
    addBulk: (jobs) => Promise.all(jobs.map((job) => add(job.name, job.data, job.opts))),
    getJob: (id) => reader.getJob(id),
    getJobs: (states) => reader.getJobs(states),
  }
}
