import { requireMember } from './access.ts'
import type { ServiceParts } from './parts.ts'
import type { ProjectLabels } from './service.ts'

/** What front ends keep for projects, in the store. */
export function projectLabels({ store }: Pick<ServiceParts, 'store'>): ProjectLabels {
  return {
    list: ({ project }) => store.listProjectLabels(project),
    async add(key, value, caller) {
      requireMember(caller)
      return await store.addProjectLabel(caller.project, key, value)
    },
    async delete(key, caller) {
      requireMember(caller)
      await store.deleteProjectLabel(caller.project, key)
    },
  }
}
