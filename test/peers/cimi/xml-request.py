"""The life of one machine in XML.

    KEYSTONE_TOKEN=... xml-request.py CIMI_URL

Its user data are read from standard input. Prints one JSON object.
"""

import base64
import json
import os
import sys
from xml.etree import ElementTree

import requests

from polling import until

NS = 'http://schemas.dmtf.org/cimi/1'

cimi_url = sys.argv[1]
session = requests.Session()
session.headers.update({'accept': 'application/xml', 'X-Auth-Token': os.environ['KEYSTONE_TOKEN']})
actions = []


def ask(method, url, document=None):
    """Gives the answer and its document; without a body there is none."""
    body = None if document is None else ElementTree.tostring(document)
    r = session.request(method, url, data=body, headers={} if body is None else {'content-type': 'application/xml'})
    if not r.ok:
        sys.exit(f'{method} {url}: {r.status_code} {r.text}')
    return r, ElementTree.fromstring(r.content) if r.content else None


def get(url):
    r, document = ask('GET', url)
    assert r.headers['content-type'] == 'application/xml', r.headers
    return document


def new(name, *children, **attributes):
    element = ElementTree.Element(f'{{{NS}}}{name}', attributes)
    for child in children:
        element.append(child)
    return element


def text_of(name, text):
    element = new(name)
    element.text = text
    return element


def said(document, name):
    return document.findtext(f'{{{NS}}}{name}')


def href(document, name):
    return document.find(f'{{{NS}}}{name}').get('href')


def first_id(collection, item):
    return said(get(f'{cimi_url}/{collection}').find(f'{{{NS}}}{item}'), 'id')


def act(machine, verb):
    operation = f'{NS}/action/{verb}'
    url = machine.find(f"{{{NS}}}operation[@rel='{operation}']").get('href')
    r, document = ask('POST', url, new('Action', text_of('action', operation)))
    assert document is None
    actions.append([verb, r.status_code, r.headers.get('content-type')])


user_data = base64.b64encode(sys.stdin.buffer.read()).decode()
created, answer = ask('POST', f'{cimi_url}/machines', new(
    'MachineCreate',
    text_of('name', 'xml'),
    new('machineTemplate',
        new('machineConfig', href=first_id('machine_configurations', 'MachineConfiguration')),
        new('machineImage', href=first_id('machine_images', 'MachineImage')),
        text_of('userData', user_data)),
))
assert created.status_code == 201
location = created.headers['Location']
assert said(answer, 'id') == location


def ended(job):
    return said(job, 'state') not in ('QUEUED', 'RUNNING')


until(lambda: get(location), lambda machine: said(machine, 'state') == 'STARTED')
job = until(lambda: get(created.headers['CIMI-Job-URI']), ended)
delivery = until(lambda: get(href(job, 'nestedJob')), ended)
events = get(href(get(href(answer, 'eventLog')), 'events')).findall(f'{{{NS}}}Event')

act(get(location), 'stop')
until(lambda: get(location), lambda machine: said(machine, 'state') == 'STOPPED')
act(get(location), 'start')
until(lambda: get(location), lambda machine: said(machine, 'state') == 'STARTED')

print(json.dumps({
    'root': answer.tag,
    'type': created.headers['content-type'],
    'id': location,
    'name': said(answer, 'name'),
    'actions': actions,
    'job': said(job, 'state'),
    'delivery': said(delivery, 'state'),
    'events': [[said(event.find(f'{{{NS}}}content'), 'state'), said(event, 'outcome')] for event in events],
}))
