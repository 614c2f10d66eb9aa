// Preloaded into a node (`node --import .../clock-shift.js`): its wall clock is off by WEFT_CLOCK_SHIFT_MS, as on a machine whose clock was set wrong.
// Monotonic time and timers are left alone, as they are there.
const shiftMs = Number(process.env['WEFT_CLOCK_SHIFT_MS'] ?? 0)
const RealDate = Date

class ShiftedDate extends RealDate {
  constructor(...parts: readonly unknown[]) {
    if (parts.length === 0) super(RealDate.now() + shiftMs)
    else super(...(parts as [number]))
  }

  static override now(): number {
    return RealDate.now() + shiftMs
  }
}

globalThis.Date = ShiftedDate as DateConstructor
