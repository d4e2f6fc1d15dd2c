import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import type { Target } from './wrk.ts'

/**
 * The yardstick: nginx with one worker, whose answer to everything is a constant of so many bytes.
 *
 * @param folder holds its files
 * @returns the process too, which ends when it is killed
 */
export async function startNginx(
  folder: string,
  sizeBytes: number,
): Promise<Target & { readonly child: ChildProcess }> {
  const port = await freePort()
  const config = join(folder, 'nginx.conf')
  writeFileSync(
    config,
    `pid ${folder}/nginx.pid; error_log ${folder}/nginx.log; worker_processes 1; daemon off; worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; default_type text/plain;
  server { listen 127.0.0.1:${port} backlog=4096; location / { return 200 "${'x'.repeat(sizeBytes)}"; } }
}
`,
  )
  const child = spawn('nginx', ['-p', folder, '-c', config], { stdio: 'inherit' })
  await untilAnswers(port)
  const workers = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ').map(Number)
  return { port, pids: workers, child }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function untilAnswers(port: number): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      socket.destroy()
      return
    } catch (error) {
      if (tries > 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
