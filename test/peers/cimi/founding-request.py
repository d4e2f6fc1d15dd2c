"""The request of the EGI Federated Cloud's contextualisation group, sent as its page has it.

    KEYSTONE_TOKEN=... founding-request.py CIMI_URL [MachineCreate]

A second argument wraps the request in it. User data other than the page's are read from standard input. Prints one
JSON object: the answer, and what a client that looks on then sees.
"""

import base64
import json
import os
import sys

import requests

from polling import until

cimi_url, *wrapper = sys.argv[1:]
keystone_token = os.environ['KEYSTONE_TOKEN']
user_data = sys.stdin.buffer.read() or b'this is just a test'

headers = {'content-type': 'application/json',
           'accept': 'application/json',
           'X-Auth-Token': keystone_token}


def get(url):
    r = requests.get(url, headers=headers)
    r.raise_for_status()
    return r.json()


def first_id(collection, array):
    """The page's ids are bare."""
    return get(f'{cimi_url}/{collection}')[array][0]['id'].rsplit('/', 1)[-1]


image_id = first_id('machineImageCollection', 'machineImages')
conf_id = first_id('machineConfigurationCollection', 'machineConfigurations')

img_body = {
    'name': 'cimi-test-server',
    'description': 'no desc',
    'machineTemplate': {
        'machineImage': {'href': image_id},
        'machineConfig': {'href': conf_id},
        # Python 3's base64 is bytes, which JSON does not take.
        'userData': base64.b64encode(user_data).decode(),
    }
}
for name in wrapper:
    img_body = {name: img_body}

r = requests.post(cimi_url + '/machineCollection',
                  headers=headers,
                  data=json.dumps(img_body))
if not r.ok:
    sys.exit(f'{r.status_code} {r.text}')


def ended(job):
    return job['state'] not in ('QUEUED', 'RUNNING')


machine = until(lambda: get(r.headers['Location']), lambda seen: seen['state'] != 'CREATING')
job = until(lambda: get(r.headers['CIMI-Job-URI']), ended)
delivery = until(lambda: get(job['nestedJobs'][0]['href']), ended)
log = get(machine['eventLog']['href'])

print(json.dumps({
    'status': r.status_code,
    'headers': {name.lower(): value for name, value in r.headers.items()},
    'body': r.json(),
    'machine': machine,
    # Its message tells of the data too, and these came later.
    'job': get(job['id']),
    'delivery': delivery,
    'events': get(log['events']['href'])['events'],
}))
