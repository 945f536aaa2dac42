"""Mailboxes of a role: read by whoever is on duty, not by one person."""

from __future__ import annotations

import re
from typing import Final

from service.cleaning.mailbox import untagged_local

_ROLES: Final = """
abuse accounting accounts admin administration administrator adm all anfrage anfragen assistance backoffice billing board booking
bookings buchhaltung buero büro business career careers ceo client clients commercial comercial compras contact contacto contactus
contact-us contabilidad customercare customers customerservice customersupport datenschutz dataprotection direction dev dns dpo
einkauf email empfang enquiries enquiry everyone export facturacion facturation faq feedback finance firma fragen ftp geschaeftsleitung
geschäftsleitung hallo hello help helpdesk hi hola hostmaster hr human.resources humanresources impressum info infos information
informacion informations inquiries inquiry international invoice invoices it jobs karriere kontakt kundenservice kundendienst legal
list mail mailbox mailer-daemon marketing media members news newsletter noc office oficina operations orders order order.processing
partners partner pedidos personal postbox postmaster post poststelle presse press privacy procurement purchase purchasing
rechnung rechnungen reception recepcion recruiting recruitment redaktion reservation reservations returns root rrhh sales secretariat
sekretariat security service services shop soporte spam staff store subscribe suggestions support team tech technik technical
techsupport test tester unsubscribe usenet uucp vendas ventas verkauf vertrieb verwaltung webmaster web website welcome
welcome.desk willkommen work www zentrale
noreply no-reply no_reply no.reply donotreply do-not-reply do_not_reply do.not.reply nicht-antworten keineantwort
"""
_ROLE: Final = frozenset(_ROLES.split())
# info1@, sales-de@, support.cn@: a number, a country or a language is still the same role.
_NARROWED: Final = re.compile(r"([^\W\d]{3,}?)(?:[._-]?\d{1,3}|[._-][a-z]{2})")


def is_role(email: str) -> bool:
    """Return whether a normalised e-mail address is that of a role (``info@``, ``sales-de@``), whose words no person is called by."""
    local = untagged_local(email)
    if local in _ROLE:
        return True
    narrowed = _NARROWED.fullmatch(local)
    return narrowed is not None and narrowed[1] in _ROLE
