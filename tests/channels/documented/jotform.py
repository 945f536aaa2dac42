from __future__ import annotations

from tests.channels.deliveries import SECRET, Sample, channel_of, post

RAW = (
    '{"slug":"submit/243231271343446","jsExecutionTracker":"build-date-1732271172685=>init-started",'
    '"q3_studentsName":{"first":"Niloth","last":"P"},"q35_grade":"12","q4_email":"niloth@example.com",'
    '"q7_phoneNumber":{"full":"(415) 555-0134"},"temp_upload":{"q6_reports":["Report Card.pdf#jotformfs-e4f4"]},'
    '"reports":["https://www.jotform.com/uploads/UserNiloth/Report%20Card.pdf"]}'
)
FIELDS = {
    "formID": "243231271343446",
    "submissionID": "6084250982513018472",
    "formTitle": "Tutor Appointment Form",
    "username": "UserNiloth",
    "type": "WEB",
    "ip": "27.51.18.17",
    "pretty": "Student's Name:Niloth P, Grade:12",
}


def multipart(fields: dict[str, str], *, boundary: str = "frontier") -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return ("".join(parts) + f"--{boundary}--\r\n").encode()


BODY = multipart({**FIELDS, "rawRequest": RAW})


def sample(body: bytes = BODY, *, boundary: str = "frontier") -> Sample:
    request = post(body, media=f"multipart/form-data; boundary={boundary}", url_secret=SECRET)
    return Sample(request, channel_of("jotform"), signed=False)
