import assert from 'node:assert/strict'
import { URL_BASE } from '../../../test/e2e/asking.ts'
import { testExchanges } from '../../../test/e2e/exchanges.ts'
import type { OcciClientOptions } from '../../../test/e2e/occi-client.ts'
import { openService } from '../../../test/e2e/service.ts'
import { headerValues } from '../http.ts'
import { occiFrontend } from './index.ts'

testExchanges<OcciClientOptions>(new URL('testdata/exchanges/', import.meta.url), {
  open: async (t, { userData, ...options }) => {
    const { service, close } = await openService(options)
    t.after(close)
    return occiFrontend({ service, publicUrl: URL_BASE, version: '1.0', ...(userData ? { userData } : {}) })
  },
  requireAlways: (response, context) => {
    const [type = '', ...more] = headerValues(response, 'Content-Type')
    assert.ok(type !== '' && more.length === 0, `jOCCI dies without a Content-Type\n\n${context}`)
    assert.deepEqual(headerValues(response, 'Server'), ['bellhop/1.0 OCCI/1.1 OCCI/1.2'], context)
    assert.equal(headerValues(response, 'Accept').length, 1, context)
    if (type !== 'text/occi')
      assert.deepEqual(headerValues(response, 'Link'), [], `rOCCI reads every Link as OCCI's\n\n${context}`)
  },
})
