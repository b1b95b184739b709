import type { Reply } from './reply.ts'

const CODE = 'INVALID_OPERATION'
const MESSAGE = 'SOAP API login() is disabled by default in this org.'

/**
 * `POST /services/Soap/u/{version}`: the login by user name and password, which is the default of
 * jsforce and simple-salesforce. New orgs refuse it with this fault (seen since November 2025).
 */
export function soapLogin(): Reply {
  const detail = [
    '<sf:UnexpectedErrorFault xsi:type="sf:UnexpectedErrorFault">',
    `<sf:exceptionCode>${CODE}</sf:exceptionCode>`,
    `<sf:exceptionMessage>${MESSAGE}</sf:exceptionMessage>`,
    '</sf:UnexpectedErrorFault>',
  ].join('')
  const fault = [
    `<faultcode>sf:${CODE}</faultcode>`,
    `<faultstring>${CODE}: ${MESSAGE}</faultstring>`,
    `<detail>${detail}</detail>`,
  ].join('')
  const text = `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope ${NAMESPACES}><soapenv:Body><soapenv:Fault>${fault}</soapenv:Fault></soapenv:Body></soapenv:Envelope>`
  return { kind: 'text', status: 500, contentType: 'text/xml;charset=UTF-8', text }
}

const NAMESPACES = [
  'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"',
  'xmlns:sf="urn:fault.partner.soap.sforce.com"',
  'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"',
].join(' ')
