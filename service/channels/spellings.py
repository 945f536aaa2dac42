"""How people spell the fields of a contact form, in the order of preference."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

# Compared without case, spaces and punctuation, and without a leading "your": "Your E-Mail" is "email".
SPELLINGS: Final[dict[str, str]] = {
    "email": "email mail emailaddress mailaddress emailadresse workemail businessemail contactemail useremail correo courriel 邮箱 电子邮箱 电子邮件",
    "phone": "phone tel telephone mobile phonenumber mobilephone mobilenumber telephonenumber cell cellphone handy telefon telefono"
    " workphone contactphone telphone phonemobile whatsapp 电话 手机 手机号 手机号码 电话号码 联系电话 联系手机",
    "full_name": "fullname name contactname completename displayname personname 姓名 您的姓名 联系人",
    "first_name": "firstname fname givenname forename first vorname prenom",
    "last_name": "lastname lname surname familyname last nachname apellido",
    "job_title": "jobtitle title position jobrole role jobposition 职位 职务",
    "company_name": "company companyname organization organisation organizationname organisationname org firma employer business"
    " businessname 公司 公司名称 企业名称 单位名称",
    "company_domain": "companydomain domain companywebsite website companyurl",
    "industry": "industry sector branche companyindustry 行业 所属行业",
    "company_size": "companysize employees numberofemployees companyemployees employeecount",
    "country": "country countrycode companycountry land",
    "region": "region state province companyregion 省份",
    "campaign": "campaign campaignname campaignid",
    "referred_by": "referredby referral referralcode referrername",
    "tags": "tags labels",
    "occurred_at": "occurredat submittedat submissiondate createdat datecreated timestamp submittime",
    "test": "test istest",
    "consent": "consent consents marketingconsent newsletter optin gdprconsent",
    "external_ids": "externalids",
    "external_id": "externalid",
    "attributes": "attributes customfields",
    "utm": "utm utms",
}
UTM: Final = ("source", "medium", "campaign", "term", "content", "id")
# Envelopes people put around a person's fields.
CONTAINERS: Final = frozenset(
    {"contact", "lead", "person", "customer", "user", "fields", "data", "answers", "properties", "payload"}
    | {"formdata", "submission", "formfields"}
)

_LONGEST_NAME: Final = 200
_IGNORED: Final = re.compile(r"[\W_]+")


def plain(name: str) -> str:
    """Return a field's name in the form in which spellings are compared."""
    short = _IGNORED.sub("", name.casefold())
    return short.removeprefix("your") or short


_FIELD_OF: Final[dict[str, tuple[str, int]]] = {
    spelling: (field, rank) for field, words in SPELLINGS.items() for rank, spelling in enumerate(words.split())
} | {f"utm{name}": (f"utm.{name}", 0) for name in UTM}


def field_of(name: str) -> tuple[str, int] | None:
    """Return the field that a name means and how good a spelling it is (0 best), or None."""
    return _meaning(name) if len(name) <= _LONGEST_NAME else None


# A form's fields have the same names every time.
@lru_cache(maxsize=4096)
def _meaning(name: str) -> tuple[str, int] | None:
    return _FIELD_OF.get(plain(name))


def is_container(name: str, value: Any) -> bool:
    """Return whether this is an envelope around fields and not a field."""
    return isinstance(value, dict) and plain(name) in CONTAINERS
