from __future__ import annotations

from tests.channels.deliveries import SECRET, Sample, channel_of, post

ORGANISATION = "00D5g000004XyzAEAS"
SESSION = "00D5g000004Xyz!AQ4AQPx.some.session_id"
LEAD = (
    '<Notification><Id>04l5g00000AbCdEAAV</Id><sObject xsi:type="sf:Lead" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">'
    "<sf:Id>00Q5g00000AbCdEEAX</sf:Id><sf:Company>Acme</sf:Company><sf:Email>ada@example.com</sf:Email><sf:FirstName>Ada</sf:FirstName>"
    "<sf:LastName>Lovelace</sf:LastName><sf:LeadSource>Web</sf:LeadSource><sf:LastModifiedDate>2026-02-28T10:00:00.000Z</sf:LastModifiedDate>"
    "</sObject></Notification>"
)


def message(
    notifications: str = LEAD, organisation: str = ORGANISATION, session: str = f"<SessionId>{SESSION}</SessionId>"
) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><notifications '
        f'xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{organisation}</OrganizationId>'
        f"<ActionId>04k5g000000AbCdAAK</ActionId>{session}<EnterpriseUrl>https://x</EnterpriseUrl><PartnerUrl/>{notifications}"
        "</notifications></soapenv:Body></soapenv:Envelope>"
    ).encode()


BODY = message()


def sample(body: bytes = BODY) -> Sample:
    request = post(body, media="text/xml; charset=utf-8", url_secret=SECRET)
    return Sample(request, channel_of("salesforce", organization_id=ORGANISATION), signed=False, secret_words=[SESSION])
