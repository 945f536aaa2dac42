"""What job titles speak for which buying role, in the languages our leads write them in. The first line that fits decides.

In lower case, without accents and signs; a star stands for any letters of the word. What is Chinese, Japanese or Korean is looked for
anywhere in a title, with a dollar sign at its end only.
"""

from __future__ import annotations

from typing import Final

TITLES: Final[tuple[tuple[str, str], ...]] = (
    # Words that mean something else beside others.
    ("decision_maker", "secretary general, general secretary"),
    ("legal", "company secretary"),
    ("influencer", "product owner, process owner, art director, creative director, produktverantwortlich*"),
    (
        "user",
        "intern, trainee, apprentice, working student, student, praktikant*, werkstudent*, auszubildende*, azubi, stagiaire, becari*, 实习生, 實習生, インターン",
    ),
    # Who answers the phone of somebody who decides.
    (
        "gatekeeper",
        """executive assistant, personal assistant, management assistant, assistant to *, secretary, receptionist, front desk
        chefsekretar*, sekretar*, sekretariat, vorstandsassisten*, chefassisten*, direktionsassisten*, managementassisten*
        assistenz der *, assistent* der *, assistent* des *, empfang*, secretaire, assistante de direction, secretari*, segretari*
        助理$, 秘书, 秘書, 前台, 비서""",
    ),
    (
        "legal",
        """legal, general counsel, counsel, lawyer, attorney, solicitor, paralegal, clo, compliance, data protection officer, dpo
        privacy officer, jurist*, justitiar*, justiziar*, syndikus*, rechtsanwalt*, rechtsanwalt*, rechtsabteilung, leit* recht
        datenschutz*, juridique, avocat*, juridic*, abogad*, advogad*, legale, avvocat*, prawnik, radca prawny, юрист
        法务, 法務, 律师, 律師, 合规, 合規, 법무, 변호사""",
    ),
    (
        "procurement",
        """procurement, purchasing, purchaser, buyer, sourcing, cpo procurement, category manager, einkauf*, *einkauf, *einkaufer*, beschaffung*
        *beschaffung, acheteu*, achat, achats, compras, comprador*, acquisti, buyer acquisti, inkoop*, inkop*, zakup*, закупк*, закупок
        采购, 採購, 供应商管理, 購買, 調達, 구매""",
    ),
    (
        "economic_buyer",
        """cfo, chief financial officer, finance director, financial director, director of finance, director finance, vp finance
        vp of finance, vice president finance, vice president of finance, head of finance, owner, co owner, proprietor, finanzvorstand
        finanzdirektor*, finanzleit*, leit* finanz*, kaufmannische* leit*, kaufmannische* geschaftsfuhr*, *inhaber, *inhaberin, eigentumer*
        directeur financier, directrice financiere, daf, proprietaire, director* financier*, diretor* financeir*, direttor* finanziari*
        propietari*, proprietari*, titolare, eigenaar, финансовый директор
        财务总监, 財務總監, 财务负责人, 首席财务官, 财务副总, 老板, 企业主, 財務部長, 最高財務責任者, 재무이사""",
    ),
    # People who lead others without deciding alone.
    (
        "influencer",
        """team lead, team leader, tech lead, project director, project lead, project leader, teamleit*, teamlead, projektleit*, gruppenleit*
        schichtleit*, chef de projet, chefe de projeto, jefe de proyecto, jefe de equipo, capo progetto, projectleider""",
    ),
    (
        "decision_maker",
        """ceo, cto, cio, coo, cmo, cdo, ciso, cro, cpo, cso, chro, chief * officer, chief * * officer, chief executive, chief of staff, president, vice president
        vp, svp, evp, avp, managing director, md, managing partner, partner, founder, co founder, cofounder, chairman, chairwoman, chairperson
        chair, board member, director, directors, head, head of *, general manager, gm, plant manager, country manager
        geschaftsfuhr*, geschaeftsfuehr*, *vorstand, *vorstandin, vorstand*, *direktor, *direktorin, *leiter, *leiterin, leiter*, leitung, *leitung
        prokurist*, grunder*, gesellschafter*, *chef, *chefin, chefarzt*, burgermeister*
        directeur*, directrice*, pdg, dg, gerant*, president*, fondateur, fondatrice, responsable, dirigeant*
        director*, diretor*, presidente, gerente, gerente general, consejero delegado, consejera delegada, fundador*, socio, socia, jefe, jefa
        direttor*, direttrice, amministrat* delegat*, presidente, dirigente, fondator*, responsabile
        directeur, bestuurder, hoofd, dyrektor*, prezes*, kierownik, director general, verkstallande direktor, vd, toimitusjohtaja
        генеральный директор, директор, руководитель, начальник, genel mudur, mudur, kurucu
        总经理, 總經理, 总裁, 總裁, 董事, 首席, 总监, 總監, 创始人, 創始人, 创办人, 合伙人, 合夥人, 负责人, 負責人, 部长, 部門長, 院长, 校长, 厂长, 厂長, 局长, 主任, 一把手, 副总, 副總
        代表取締役, 取締役, 社長, 会長, 部長, 本部長, 事業部長, 執行役員, 대표, 사장, 이사, 본부장, 부장""",
    ),
    (
        "influencer",
        """manager, managers, lead, leader, supervisor, coordinator, architect, expert, principal, consultant, adviser, advisor, strategist, controller, auditor
        *manager, *managerin, manager*, referent*, fachreferent*, berater*, *berater, *beraterin, *beauftragte, *beauftragter, koordinator*, *koordinator*
        architekt*, *architekt, meister*, *meister, *meisterin, stellvertret*
        chef, charge de *, chargee de *, conseiller*, consultant*, coordinateur, coordinatrice, architecte
        coordinador*, coordenador*, encargad*, asesor*, consultor*, supervisor*, arquitect*, arquitet*
        coordinator*, consulente, coordinatrice, architetto, adviseur, kierowniczka, konsultant*, менеджер, консультант
        经理, 經理, 主管, 组长, 組長, 顾问, 顧問, 专家, 專家, 架构师, 架構師, 课长, 課長, 係長, 主任工程师, 主查, 팀장, 과장, 차장, 매니저""",
    ),
    (
        "user",
        """engineer, engineers, developer, analyst, specialist, technician, operator, administrator, admin, designer, scientist, researcher
        representative, associate, assistant, clerk, accountant, planner, programmer, technologist, officer, executive, editor, nurse, teacher
        *ingenieur, *ingenieurin, ingenieur*, *entwickler, *entwicklerin, entwickler*, *techniker, *technikerin, techniker*, *sachbearbeit*, sachbearbeit*
        mitarbeiter*, *mitarbeiter, *mitarbeiterin, *assisten*, kaufmann, kauffrau, *kaufmann, *kauffrau, fachkraft, *spezialist*, buchhalt*, konstrukteur*, planer*, anwender*
        technicien*, developpeu*, analyste, specialiste, employe*, assistant*, comptable, ingenier*, desarrollador*, tecnic*, analista
        especialista, engenheir*, desenvolvedor*, ingegnere, sviluppatore, sviluppatrice, specialista, impiegat*, addett*, medewerker, inzynier, specjalist*, инженер, специалист
        工程师, 工程師, 专员, 專員, 职员, 職員, 员工, 技术员, 技術員, 操作员, 分析师, 分析師, 设计师, 設計師, 开发, 会计, 研究员, 教师, 老师, 销售代表, 業務
        担当, 技師, エンジニア, スタッフ, 社員, 사원, 대리, 엔지니어, 담당""",
    ),
)
"""Roles and titles that speak for them."""
