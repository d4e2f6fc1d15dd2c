import assert from 'node:assert/strict'
import { URL_BASE } from '../../../test/e2e/asking.ts'
import { testExchanges } from '../../../test/e2e/exchanges.ts'
import { openService, type OpenOptions } from '../../../test/e2e/service.ts'
import { hasCredential } from '../guard.ts'
import { headerValues } from '../http.ts'
import { cimiFrontend, ENTRY_POINTS } from './index.ts'

testExchanges<OpenOptions>(new URL('testdata/exchanges/', import.meta.url), {
  open: async (t, options) => {
    const { service, close } = await openService(options)
    t.after(close)
    const { handler, entryPoint } = cimiFrontend({ service, publicUrl: URL_BASE })
    return async (request, caller) =>
      !hasCredential(request) && ENTRY_POINTS.includes(request.path)
        ? await entryPoint(request)
        : await handler(request, caller)
  },
  requireAlways: (response, context) => {
    assert.deepEqual(headerValues(response, 'CIMI-Specification-Version'), ['1.1.0'], context)
    assert.equal(
      headerValues(response, 'Content-Type').length,
      response.body.byteLength > 0 ? 1 : 0,
      `Sirocco takes any typed answer to an action for a job\n\n${context}`,
    )
  },
})
