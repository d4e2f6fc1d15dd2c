import type { Step } from './actions.ts'
import type { History, User, Vm } from './model.ts'

/** How long states last, in milliseconds. Infinity: until something else happens. */
export interface Delays {
  /** Until the scheduler deploys. */
  readonly pendingMs: number
  readonly prologMs: number
  readonly bootMs: number
  /** Each state on the way of a stop, a start or an end. */
  readonly actionMs: number
  /** A context or a card that is changed while the VM runs. */
  readonly hotplugMs: number
}

/** States pass in a moment. */
export const QUICK: Delays = { pendingMs: 1, prologMs: 1, bootMs: 1, actionMs: 1, hotplugMs: 1 }

/** What the life of VMs does to the rest of the cloud. */
export interface Surroundings {
  readonly delays: Delays
  /** Writes the context disk. @returns why it cannot be written */
  readonly writeDisk: (vm: Vm) => string | undefined
  /** Whether the hypervisor plugs cards, and guests let go of them. */
  readonly canPlug: () => boolean
  /** Gives back what a VM has leased. */
  readonly release: (vm: Vm) => void
}

/** Moves VMs through their states. */
export interface Lifecycle {
  /** After it was made, or released. */
  pending(vm: Vm): void
  deploy(vm: Vm): void
  step(vm: Vm, step: Step, code: number, by: User): void
  /** Its context was changed. */
  reconfigure(vm: Vm): void
  /** A card comes or goes: takes a moment where the VM runs. @param done is told whether the hypervisor could do it */
  plug(vm: Vm, done: (isDone: boolean) => void): void
  /** Ends it at once, as an administrator's recovery does. */
  end(vm: Vm): void
  enter(vm: Vm, state: number, lcmState?: number): void
  /** Nothing moves any more. */
  close(): void
}

interface Stage {
  readonly state: number
  readonly lcmState?: number
  readonly lastsMs: number
}

/** A life cycle in which nothing moves yet. */
export function createLifecycle({ delays, writeDisk, canPlug, release }: Surroundings): Lifecycle {
  const timers = new Map<number, NodeJS.Timeout>()

  const enter = (vm: Vm, state: number, lcmState = 0): void => {
    clearTimeout(timers.get(vm.id))
    timers.delete(vm.id)
    vm.state = state
    vm.lcmState = lcmState
    vm.previous = [state, lcmState]
    if (state === 6 && vm.ended === 0) {
      vm.ended = seconds()
      release(vm)
    }
  }
  const later = (vm: Vm, lastsMs: number, then: () => void): void => {
    if (lastsMs !== Infinity) timers.set(vm.id, setTimeout(then, lastsMs).unref())
  }
  const walk = (vm: Vm, [stage, ...rest]: readonly Stage[], then: () => void): void => {
    if (stage === undefined) return then()
    enter(vm, stage.state, stage.lcmState)
    later(vm, stage.lastsMs, () => walk(vm, rest, then))
  }
  const run = (vm: Vm): void => {
    enter(vm, 3, 3)
    const last = vm.history.at(-1)
    if (last !== undefined && last.running[0] === 0) last.running = [seconds(), 0]
  }

  const pending = (vm: Vm): void => {
    enter(vm, 1)
    later(vm, delays.pendingMs, () => deploy(vm))
  }
  const deploy = (vm: Vm): void => {
    const [prolog, boot] = vm.history.length === 0 ? [1, 2] : vm.history.at(-1)?.action === 9 ? [9, 22] : [31, 32]
    const history = newHistory(vm)
    history.prolog = [seconds(), 0]
    if (!vm.template.some(({ name }) => name === 'TM_MAD_SYSTEM'))
      vm.template = [...vm.template, { name: 'TM_MAD_SYSTEM', value: 'dummy' }]
    enter(vm, 3, prolog)
    later(vm, delays.prologMs, () => {
      history.prolog = [history.prolog[0], seconds()]
      const problem = writeDisk(vm)
      if (problem !== undefined) {
        history.running = [seconds(), seconds()]
        const date = new Date().toUTCString().replace(/^(\w+), (\d+) (\w+) (\d+) (\S+) GMT$/, '$1 $3 $2 $5 $4')
        vm.userTemplate = [
          ...vm.userTemplate.filter(({ name }) => name !== 'ERROR'),
          { name: 'ERROR', value: `${date}: ${problem}` },
        ]
        return enter(vm, 3, 36)
      }
      vm.deployId = `dummyhost:${vm.name}:dummy`
      walk(vm, [{ state: 3, lcmState: boot, lastsMs: delays.bootMs }], () => run(vm))
    })
  }
  /** Passes through some states of going away, and closes the history record with the action. */
  const leave = (vm: Vm, lcmStates: readonly number[], state: number, code: number, by: User): void => {
    const last = vm.history.at(-1)
    if (last) {
      last.action = code
      last.by = [by.id, by.groupId, (code * 331 + vm.id * 16) % 10_000]
    }
    const stages = lcmStates.map((lcmState) => ({ state: 3, lcmState, lastsMs: delays.actionMs }))
    walk(vm, stages, () => {
      if (last) {
        last.ended = seconds()
        if (last.running[0] !== 0 && last.running[1] === 0) last.running = [last.running[0], seconds()]
        if (state === 6) last.epilog = [seconds(), seconds()]
      }
      enter(vm, state)
    })
  }
  const back = (vm: Vm, lcmState: number): void => {
    const boots = vm.state === 8
    if (vm.state !== 3) newHistory(vm)
    walk(vm, [{ state: 3, lcmState, lastsMs: delays.actionMs }], () => {
      if (boots) writeDisk(vm)
      run(vm)
    })
  }

  const resume = (vm: Vm): void => {
    switch (vm.state) {
      case 8:
        return back(vm, 20)
      case 5:
        return back(vm, 21)
      case 3:
        return back(vm, 19)
      default:
        return pending(vm)
    }
  }
  const terminate = (vm: Vm, code: number, by: User): void => {
    if (vm.state === 6) return undefined
    if (vm.history.length === 0) return enter(vm, 6)
    return leave(vm, vm.state === 3 && vm.lcmState === 3 ? [12, 11] : [11], 6, code, by)
  }

  return {
    pending,
    deploy,
    step: (vm, step, code, by) => {
      switch (step) {
        case 'hold':
          return enter(vm, 2)
        case 'release':
          return pending(vm)
        case 'poweroff':
          return leave(vm, [18], 8, code, by)
        case 'suspend':
          return leave(vm, [6], 5, code, by)
        case 'stop':
          return leave(vm, vm.state === 3 ? [5, 10] : [10], 4, code, by)
        case 'undeploy':
          return leave(vm, vm.state === 3 ? [29, 30] : [30], 9, code, by)
        case 'resume':
          return resume(vm)
        case 'terminate':
          return terminate(vm, code, by)
        case 'nothing':
          return undefined
      }
    },
    reconfigure: (vm) => {
      if (vm.state !== 3) return
      enter(vm, 3, 17)
      later(vm, delays.hotplugMs, () => {
        writeDisk(vm)
        run(vm)
      })
    },
    plug: (vm, done) => {
      if (vm.state !== 3) return done(true)
      enter(vm, 3, 25)
      later(vm, delays.hotplugMs, () => {
        done(canPlug())
        writeDisk(vm)
        run(vm)
      })
    },
    end: (vm) => enter(vm, 6),
    enter,
    close: () => {
      for (const timer of timers.values()) clearTimeout(timer)
      timers.clear()
    },
  }
}

function newHistory(vm: Vm): History {
  const history: History = {
    seq: vm.history.length,
    started: seconds(),
    ended: 0,
    prolog: [0, 0],
    running: [0, 0],
    epilog: [0, 0],
    action: 0,
    by: [-1, -1, -1],
  }
  vm.history.push(history)
  return history
}

function seconds(): number {
  return Math.floor(Date.now() / 1000)
}
