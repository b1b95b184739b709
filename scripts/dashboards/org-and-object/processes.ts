import type { Row } from '../frame.ts'
import { graph, timeline } from '../graphs.ts'
import { COUNT } from '../panels.ts'
import { increase, ORG, ofProcesses, shared } from '../promql.ts'

/** The processes and their Redis. */

export const PROCESSES: Row = {
  title: 'Processes (of all orgs)',
  panels: [
    graph({
      title: 'Event loop lag, p99',
      description:
        'How late each process gets to its work. A worker whose lag approaches 10 s loses its locks.',
      runbook: 'expungelockslost',
      unit: 's',
      span: 8,
      queries: [
        {
          expr: ofProcesses('nodejs_eventloop_lag_p99_seconds'),
          legend: '{{process}} {{instance}}',
        },
      ],
      thresholds: [[1, 'orange']],
      below: 'transparent',
    }),
    graph({
      title: 'Memory',
      description: 'Resident memory of each process.',
      runbook: 'sizing',
      unit: 'bytes',
      span: 8,
      queries: [
        { expr: ofProcesses('process_resident_memory_bytes'), legend: '{{process}} {{instance}}' },
      ],
    }),
    graph({
      title: 'Processor',
      description: 'Processor cores that each process uses.',
      runbook: 'sizing',
      unit: 'suffix: cores',
      span: 8,
      queries: [
        {
          expr: ofProcesses('rate(process_cpu_seconds_total[$__rate_interval])'),
          legend: '{{process}} {{instance}}',
        },
      ],
    }),
    graph({
      title: 'Jobs recovered',
      description:
        'Jobs taken over from workers that no longer renewed their locks, in each step of the graph.',
      runbook: 'expungejobsrecovered',
      unit: COUNT,
      span: 6,
      queries: [{ expr: increase('org', 'expunge_jobs_recovered_total', ORG), legend: '{{org}}' }],
      shades: 'orange',
      stacked: 'bars',
    }),
    graph({
      title: 'Locks lost',
      description: 'Jobs whose lock a worker lost, in each step of the graph.',
      runbook: 'expungelockslost',
      unit: COUNT,
      span: 6,
      queries: [{ expr: increase('org', 'expunge_locks_lost_total', ORG), legend: '{{org}}' }],
      shades: 'red',
      stacked: 'bars',
    }),
    graph({
      title: 'Processes started',
      description: 'In each step of the graph: deployments, or crashes.',
      runbook: 'expungeprocessrestarts',
      unit: COUNT,
      span: 6,
      queries: [
        {
          expr: `sum by (process) (${ofProcesses('changes(process_start_time_seconds[$__rate_interval])')})`,
          legend: '{{process}}',
        },
      ],
      stacked: 'bars',
    }),
    graph({
      title: 'Version',
      description: 'Processes of each version. Two versions are normal only during an upgrade.',
      runbook: 'upgrades',
      unit: COUNT,
      span: 6,
      queries: [{ expr: 'count by (version) (expunge_build_info)', legend: '{{version}}' }],
      stacked: 'areas',
    }),
  ],
}

export const REDIS: Row = {
  title: 'Workers and Redis',
  panels: [
    graph({
      title: 'Workers',
      description: 'Workers of each org that are alive: that gave a sign of life within 15 s.',
      runbook: 'expungenoworkers',
      unit: COUNT,
      span: 8,
      queries: [{ expr: shared('org', 'expunge_workers', ORG), legend: '{{org}}' }],
    }),
    timeline({
      title: 'Redis',
      description:
        'Whether Redis answers each process and, for a worker, accepts its writes. Empty while the process is down.',
      runbook: 'expungeredisdown',
      unit: 'short',
      span: 8,
      queries: [
        { expr: 'min by (job, instance) (expunge_redis_up)', legend: '{{job}} {{instance}}' },
      ],
      states: [
        [0, 'down', 'red'],
        [1, 'up', 'green'],
      ],
    }),
    graph({
      title: 'Redis memory',
      description:
        'Used share of maxmemory; 0 if maxmemory is not set. Above 70 %, plans wait. Near 100 %, Redis refuses writes.',
      runbook: 'expungeredisnearlyfull',
      unit: 'percentunit',
      span: 8,
      queries: [{ expr: 'max(expunge_redis_memory_ratio)', legend: 'Redis' }],
      thresholds: [
        [0.7, 'orange'],
        [0.95, 'red'],
      ],
      below: 'transparent',
    }),
    timeline({
      title: 'Orgs of the workers',
      description:
        'Whether each worker works for the org. It retries an org whose login fails, and works for the others meanwhile.',
      runbook: 'expungenoworkers',
      unit: 'short',
      span: 24,
      queries: [
        {
          expr: `min by (org, instance) (expunge_worker_org_up{${ORG}})`,
          legend: '{{org}} {{instance}}',
        },
      ],
      states: [
        [0, 'not served', 'red'],
        [1, 'served', 'green'],
      ],
    }),
  ],
}
