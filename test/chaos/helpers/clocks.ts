/** In a child process: its clock is wrong by so many milliseconds, as after a reboot without NTP. */
export const CLOCK_SHIFT = 'CHAOS_CLOCK_SHIFT_MS'

/** Timers and `performance.now()` go on as they are: they do not hang on the time of day. */
export function shiftClock(env: Readonly<Record<string, string | undefined>>): void {
  const shift = Number(env[CLOCK_SHIFT] ?? 0)
  if (shift === 0) return
  const RealDate = Date
  const now = () => RealDate.now() + shift
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args: readonly unknown[]) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args),
    apply: () => new RealDate(now()).toString(),
    get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
  })
}
