import type { Row } from '../frame.ts'
import { graph } from '../panels.ts'
import { increase, ORG, ofProcesses, shared } from '../promql.ts'

/** The processes and their Redis. */

export const PROCESSES: Row = {
  title: 'How are the processes? (of all orgs)',
  panels: [
    graph({
      title: 'Event loop lag',
      description:
        'How late a process comes to its work, 99 of 100 times no later. Towards 10 s it loses its locks.',
      runbook: 'expungelockslost',
      unit: 's',
      span: 8,
      queries: [
        {
          expr: ofProcesses('nodejs_eventloop_lag_p99_seconds'),
          legend: '{{job}} {{instance}}',
        },
      ],
      thresholds: [[1, 'orange']],
    }),
    graph({
      title: 'Memory',
      description: 'Resident memory of each process.',
      runbook: 'sizing',
      unit: 'bytes',
      span: 8,
      queries: [
        { expr: ofProcesses('process_resident_memory_bytes'), legend: '{{job}} {{instance}}' },
      ],
    }),
    graph({
      title: 'Processor',
      description: 'Cores that each process uses.',
      runbook: 'sizing',
      unit: 'short',
      span: 8,
      queries: [
        {
          expr: ofProcesses('rate(process_cpu_seconds_total[$__rate_interval])'),
          legend: '{{job}} {{instance}}',
        },
      ],
    }),
    graph({
      title: 'Jobs recovered',
      description: 'Orders taken back from workers that no longer kept their locks, in each step.',
      runbook: 'expungejobsrecovered',
      unit: 'short',
      span: 6,
      queries: [{ expr: increase('org', 'expunge_jobs_recovered_total', ORG), legend: '{{org}}' }],
      stacked: 'bars',
    }),
    graph({
      title: 'Locks lost',
      description: 'Orders whose lock a worker could not keep, in each step.',
      runbook: 'expungelockslost',
      unit: 'short',
      span: 6,
      queries: [{ expr: increase('org', 'expunge_locks_lost_total', ORG), legend: '{{org}}' }],
      stacked: 'bars',
    }),
    graph({
      title: 'Processes started',
      description: 'In each step: deploys, or crashes.',
      runbook: 'expungeprocessrestarts',
      unit: 'short',
      span: 6,
      queries: [
        {
          expr: `sum by (job) (${ofProcesses('changes(process_start_time_seconds[$__rate_interval])')})`,
          legend: '{{job}}',
        },
      ],
      stacked: 'bars',
    }),
    graph({
      title: 'Version',
      description: 'Processes of each version; two of them only while one replaces the other.',
      runbook: 'upgrades',
      unit: 'short',
      span: 6,
      queries: [{ expr: 'count by (version) (expunge_build_info)', legend: '{{version}}' }],
      stacked: 'areas',
    }),
  ],
}

export const REDIS: Row = {
  title: 'Who is there, and how is Redis?',
  panels: [
    graph({
      title: 'Workers',
      description: 'Of each org, that gave a sign of life in Redis in the last seconds.',
      runbook: 'expungenoworkers',
      unit: 'short',
      span: 8,
      queries: [{ expr: shared('org', 'expunge_workers', ORG), legend: '{{org}}' }],
    }),
    graph({
      title: 'Redis answers',
      description: '1 while it answers this process, and takes what a worker writes.',
      runbook: 'expungeredisdown',
      unit: 'short',
      span: 8,
      queries: [
        { expr: 'min by (job, instance) (expunge_redis_up)', legend: '{{job}} {{instance}}' },
      ],
    }),
    graph({
      title: 'Redis memory',
      description:
        'Share of maxmemory that is used; 0 where there is no maxmemory. Above 70 % plans wait.',
      runbook: 'expungeredisnearlyfull',
      unit: 'percentunit',
      span: 8,
      queries: [{ expr: 'max(expunge_redis_memory_ratio)', legend: 'Redis' }],
      thresholds: [
        [0.7, 'orange'],
        [0.95, 'red'],
      ],
    }),
  ],
}
